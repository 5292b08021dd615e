"""Packed pictures train to the bits of the stream that they were packed from."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.data.small_pictures import picture
from xpcnn.data import preflight
from xpcnn.data.reading import Arrays, Drawn
from xpcnn.data.streams import packed, packed_images
from xpcnn.data.streams.packed_images import Packed
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
    on_pack = cli("train", "--dataset", "out", "--out", "run", *TRAIN)
    assert on_pack.code == 0, on_pack.err
    assert figures(on_pack.out) == figures(stream.out)
    test = json.loads(cli("evaluate", "run", "--json").out)
    assert {name: test[name] for name in ("loss", "accuracy")} == figures(on_pack.out)[2]
    assert numpy.load("out/train-00000.npy").shape == (40, 1, 8, 8)
    train, _ = xpcnn.data.load("out")
    assert isinstance(train.images, Packed)
    kept = pickle.dumps(train)  # after its images are mapped
    assert bytes(train.images[:1]) not in kept
    assert (pickle.loads(kept).images[:] == train.images[:]).all()
    same, _ = xpcnn.data.load("photos", stream=True, image_size=(8, 8))
    assert train.digest() == same.digest()
    assert [str(one) for one in preflight(train)] == [str(one) for one in preflight(same)]
    here, _ = xpcnn.data.load("out", stream=False)
    assert isinstance(here.images, numpy.ndarray)
    assert len(xpcnn.data.load("out", reading=Arrays((1, 8, 8), 0.0, 255.0))[0]) == len(train)
    for other in (Arrays((1, 8, 8), 0.0, 1.0), Drawn((8, 8), 0.0, 16.0, "dark", 1.0)):
        with pytest.raises(ConfigError, match="and the model reads"):
            xpcnn.data.load("out", reading=other)


def test_a_pack_skips_damaged_pictures_as_a_stream(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others stand in for them within each part: none of the test part is trained on."""
    monkeypatch.setattr(packing, "_UNIT", 7 * 72)  # shards of 7 pictures
    for name in ("cat/3", "cat/12", "dog/5"):
        Path("photos", f"{name}.png").write_bytes(b"x")
    pack = ("pack", "photos", "out", "--skip-damaged", "--shard-mb", "1", "--json")
    told = json.loads(cli(*pack).out)
    assert set(json.loads(Path("out/train_damaged.json").read_text())) == {"8", "26", "31"}
    stream = cli("train", "--dataset", "photos", "--stream", "yes", "--skip-damaged", *TRAIN)
    on_pack = cli("train", "--dataset", "out", *TRAIN)
    assert figures(on_pack.out) == figures(stream.out)
    note = "damaged pictures left out, each with another of its class in its place: 3; the first: "
    assert note in on_pack.err
    assert [note in line for line in told["notes"]] == [True]
    assert len(xpcnn.data.load_whole("out", stream=False)) == 37
    Path("out/train-00003.npy").unlink()
    assert json.loads(cli(*pack).out)["notes"] == told["notes"]  # of the other shards too
    Path("out/train_damaged.json").write_text('{"41": ""}')
    assert (
        "train_damaged.json: is not what xpcnn pack writes" in cli("train", "--dataset", "out").err
    )


def test_an_interrupted_pack_goes_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 7 pictures of 72 bytes, in blocks of 3."""
    monkeypatch.setattr(packing, "_BLOCK", 3 * 72)
    monkeypatch.setattr(packing, "_UNIT", 7 * 72)
    pack = ("pack", "photos", "out", "--shard-mb", "1")
    assert cli("pack", "photos", "straight", "--shard-mb", "1").code == 0
    broken = Path("photos/dog/12.png")
    content = broken.read_bytes()
    broken.write_bytes(b"")
    ran = cli(*pack)
    assert ran.code == 1
    assert "photos/dog/12.png: is empty\nTry: fix or remove it, or --skip-damaged" in ran.err
    assert sorted(path.name for path in Path("out").glob("*-*.npy")) == ["train-00000.npy"]
    ran = cli("train", "--dataset", "out", *TRAIN)
    assert "out: not all pictures are packed\nTry: the same xpcnn pack again" in ran.err
    broken.write_bytes(content)
    Path("photos/cat/0.png").write_bytes(b"")  # which is packed
    told = json.loads(cli("pack", "photos", "out", "--json").out)  # keeps the size of the shards
    assert (told["before"], told["shards"]) == (7, 6)
    files = sorted(path.name for path in Path("straight").iterdir())
    assert files == sorted(path.name for path in Path("out").iterdir())
    for name in set(files) - {"run.lock"}:
        assert Path("out", name).read_bytes() == Path("straight", name).read_bytes()
    assert json.loads(cli("pack", "photos", "out", "--json").out)["before"] == 40
    monkeypatch.setattr(packed_images, "_MOST_MAPPED", 2)
    images, _ = packed.read(Path("out"), None, None)[0]["train"]
    whole = numpy.concatenate([numpy.load(f"out/train-0000{i}.npy") for i in range(6)])
    rows = numpy.random.default_rng(0).permutation(40)
    assert (images[rows] == whole[rows]).all()
    shutil.copy("photos/cat/1.png", "photos/cat/0.png")
    Path("out/train-00000.npy").unlink()
    assert json.loads(cli("pack", "photos", "out", "--json").out)["before"] == 33
    assert numpy.load("out/train-00000.npy").any(axis=(1, 2, 3)).all()


def test_a_bar_shows_how_far_it_is(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pictures: first those that were packed before, then each block of 3."""
    told: list[int] = []

    class Bar:
        def __init__(self, total: int, unit: str, **options: Any) -> None:
            told.append(total)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *error: object) -> None: ...

        def update(self, count: int) -> None:
            told.append(count)

    monkeypatch.setattr(packing, "_BLOCK", 3 * 72)
    monkeypatch.setattr(packing, "_UNIT", 20 * 72)
    pack = ("pack", "photos", "out", "--shard-mb", "1")
    assert cli(*pack).code == 0
    Path("out/train-00001.npy").unlink()
    monkeypatch.setattr("tqdm.tqdm", Bar)
    assert cli(*pack).code == 0
    assert told == [40, 20, 3, 3, 3, 3, 3, 3, 2]


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
    assert "out: holds a pack of other pictures, or of other sizes or modes" in ran.err
    ran = cli("pack", "out", "again")
    assert "out: holds no pictures, tar shards or Parquet files" in ran.err
    ran = cli("train", "--dataset", "out", "--image-size", "5,5", *TRAIN)
    assert (
        "holds images of (9, 8), not of (5, 5)\nTry: images of (5, 5), or leave --image-size"
        in ran.err
    )


@pytest.mark.parametrize("name", ["train-00001.npy", "train_labels.npy", "train_words.npy"])
def test_a_damaged_pack(name: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_UNIT", 7 * 72)
    cli("pack", "photos", "out", "--shard-mb", "1")
    path = Path("out", name)
    path.write_bytes(path.read_bytes()[:-1])
    ran = cli("train", "--dataset", "out", *TRAIN)
    assert ran.code == 1
    assert f"out/{name}: holds " in ran.err
    path.unlink()
    ran = cli("train", "--dataset", "out", *TRAIN)
    assert f"out/{name}: there is no such file\nTry: the same xpcnn pack again" in ran.err
    assert cli("pack", "photos", "out").code == 0
    assert len(packed.read(Path("out"), None, None)[0]["train"][0]) == 40


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 1),
        ("shard", 0),
        ("classes", ["a", "a"]),
        ("images", {"train": -1}),
        ("reading", {"size": 3}),
    ],
)
def test_a_file_that_says_nonsense(key: str, value: Any, cli: Cli) -> None:
    cli("pack", "photos", "out")
    path = Path("out/pack.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    ran = cli("train", "--dataset", "out", *TRAIN)
    assert "pack.json: is not what xpcnn pack writes\nTry: xpcnn pack again" in ran.err
