"""Packed pictures train to the bits of the stream that they were packed from."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.data.picture_kit import picture
from xpcnn.data import preflight
from xpcnn.data.packed import Packed
from xpcnn.data.reading import Arrays, Drawn
from xpcnn.errors import ConfigError
from xpcnn.io import packing

pytest.importorskip("PIL.Image", reason="Pillow is not installed")

TRAIN = ("--model", "tiny", "--epochs", "1", "--json")


@pytest.fixture(autouse=True)
def _photos(_alone: None) -> None:
    rng = numpy.random.default_rng(0)
    for name in ("cat", "dog"):
        for i in range(20):
            picture(Path("photos", name, f"{i}.png"), rng.integers(0, 256, (9, 8)))


def figures(text: str) -> list[Any]:
    told = json.loads(text)
    return [told["epochs"][0]["loss"], told["epochs"][0]["val_loss"], told["test"]]


def test_a_pack_trains_to_the_bits_of_a_stream(cli: Cli) -> None:
    ran = cli("pack", "photos", "out", "--image-size", "8,8", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["images"], told["image_size"], told["bytes"]) == ({"train": 40}, [8, 8], 40 * 64)
    stream = cli("train", "--dataset", "photos", "--image-size", "8,8", "--stream", "yes", *TRAIN)
    packed = cli("train", "--dataset", "out", "--out", "run", *TRAIN)
    assert packed.code == 0, packed.err
    assert figures(packed.out) == figures(stream.out)
    test = json.loads(cli("evaluate", "run", "--json").out)
    assert {name: test[name] for name in ("loss", "accuracy")} == figures(packed.out)[2]
    assert numpy.load("out/train_images.npy").shape == (40, 1, 8, 8)
    train, _ = xpcnn.data.load("out")
    assert isinstance(train.images, Packed)
    same, _ = xpcnn.data.load("photos", stream=True, image_size=(8, 8))
    assert train.digest() == same.digest()
    assert [str(one) for one in preflight(train)] == [str(one) for one in preflight(same)]
    here, _ = xpcnn.data.load("out", stream=False)
    assert isinstance(here.images, numpy.ndarray)
    assert len(xpcnn.data.load("out", reading=Arrays((1, 8, 8), 0.0, 255.0))[0]) == len(train)
    for other in (Arrays((1, 8, 8), 0.0, 1.0), Drawn((8, 8), 0.0, 16.0, "dark", 1.0)):
        with pytest.raises(ConfigError, match="and the model reads"):
            xpcnn.data.load("out", reading=other)


def test_an_interrupted_pack_goes_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_BLOCK", 3 * 72)
    assert cli("pack", "photos", "straight").code == 0
    broken = Path("photos/dog/12.png")
    content = broken.read_bytes()
    broken.write_bytes(b"")
    ran = cli("pack", "photos", "out")
    assert ran.code == 1
    assert "photos/dog/12.png: is empty\nTry: mend or remove it, or --skip-damaged" in ran.err
    assert Path("out/pack.done").read_text().splitlines() == [f"train {i} 3" for i in (0, 3, 6)]
    ran = cli("train", "--dataset", "out", *TRAIN)
    assert "out: not all pictures are packed\nTry: the same xpcnn pack again" in ran.err
    broken.write_bytes(content)
    Path("photos/cat/0.png").write_bytes(b"")  # which is packed
    shutil.copytree("out", "lost")
    Path("lost/train_images.npy").unlink()
    told = json.loads(cli("pack", "photos", "out", "--json").out)
    assert told["before"] == 9
    for path in Path("straight").glob("*.*"):
        assert (Path("out") / path.name).read_bytes() == path.read_bytes()
    assert not Path("out/pack.done").exists()
    assert json.loads(cli("pack", "photos", "out", "--json").out)["before"] == 40
    shutil.copy("photos/cat/1.png", "photos/cat/0.png")
    assert json.loads(cli("pack", "photos", "lost", "--json").out)["before"] == 0
    assert numpy.load("lost/train_images.npy").any(axis=(1, 2, 3)).all()


def test_folders_that_hold_something_else(cli: Cli) -> None:
    for inside in ("photos", "photos/packed"):
        ran = cli("pack", "photos", inside)
        assert f"{inside} lies in photos, whose folders are classes\nTry: a f" in ran.err
    Path("file").touch()
    assert "file: is not an empty folder\nTry: a new folder" in cli("pack", "photos", "file").err
    ran = cli("pack", "photos", "file/out")
    assert "file/out cannot be made: Not a directory\nTry: a folder" in ran.err
    assert cli("pack", "photos", "out").code == 0
    ran = cli("pack", "photos", "out", "--image-size", "4,4")
    assert "out: holds a pack of other pictures, or read in another way" in ran.err
    ran = cli("pack", "out", "again")
    assert "out: holds no pictures, tar shards or Parquet files" in ran.err
    ran = cli("train", "--dataset", "out", "--image-size", "5,5", *TRAIN)
    assert "holds images of (9, 8), not of (5, 5)\nTry: leave --image-size" in ran.err


@pytest.mark.parametrize("name", ["train_images.npy", "train_labels.npy", "train_words.npy"])
def test_a_damaged_pack(name: str, cli: Cli) -> None:
    cli("pack", "photos", "out")
    path = Path("out", name)
    path.write_bytes(path.read_bytes()[:-1])
    ran = cli("train", "--dataset", "out", *TRAIN)
    assert ran.code == 1
    assert f"out/{name}: holds " in ran.err


@pytest.mark.parametrize(
    ("key", "value"),
    [("format", 2), ("classes", ["a", "a"]), ("images", {"train": -1}), ("reading", {"size": 3})],
)
def test_a_file_that_says_nonsense(key: str, value: Any, cli: Cli) -> None:
    cli("pack", "photos", "out")
    path = Path("out/pack.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    ran = cli("train", "--dataset", "out", *TRAIN)
    assert "pack.json: is not what xpcnn pack writes\nTry: xpcnn pack again" in ran.err
