"""The user's data as `train` takes it: the validation part, the labels, what is left out."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.cli.process import TINY
from xpcnn.config.tables import to_config
from xpcnn.data import Dataset


def save(path: str, data: Dataset, count: int, **more: Any) -> None:
    """Write the first images of a data set, with labels."""
    np.savez(path, images=data.images[:count], labels=data.labels[:count], **more)


@pytest.fixture
def digits() -> Dataset:
    return xpcnn.data.load("digits")[0]


def opening(cli: Cli, *arguments: str) -> list[str]:
    """Train with one step; return what is said before it."""
    ran = cli("train", *TINY, "--max-steps", "1", *arguments)
    assert ran.code == 0, ran.err
    notes, _, rest = ran.err.partition(" for validation")
    lines = f"{notes} for validation{rest.partition(chr(10))[0]}".splitlines()
    return [line for line in lines if not line.startswith("warning: ")]


def test_the_validation_part_of_the_data_is_validated_on(cli: Cli, digits: Dataset) -> None:
    own = {"val_images": digits.images[80:93], "val_labels": digits.labels[80:93]}
    save("own.npz", digits, 80, **own)
    (said,) = opening(cli, "--dataset", "own.npz", "--out", "run")
    assert said.endswith("13 for validation, its own part), numpy on cpu")
    assert "validation" not in tomllib.loads(Path("run/config.toml").read_text())
    again = opening(cli, "--config", "run/config.toml", "--out", "again")
    assert again == [said]
    run, repeated = (Path(name) / "model.safetensors" for name in ("run", "again"))
    assert run.read_bytes() == repeated.read_bytes()


def test_data_that_were_moved_since(cli: Cli, digits: Dataset) -> None:
    save("own.npz", digits, 80)
    Path("held.npz").write_bytes(Path("own.npz").read_bytes())
    opening(cli, "--dataset", "own.npz", "--validation", "held.npz", "--out", "run")
    old, new = Path("own.npz").absolute(), Path("new.npz")
    old.rename(new)
    config = Path("run/config.toml")
    said = f"error: {config}: dataset is {str(old)!r}, and there is no such file or folder\nTry: "
    assert cli("train", "--config", str(config)).err == f"{said}--dataset with where it is now\n"
    ran = cli("evaluate", "run")
    assert ran.err == (
        f"error: {old}: there is no such file or folder, and the model was trained on it\n"
        "Try: --dataset with where it is now, and --part test\n"
    )
    assert cli("evaluate", "run", "--dataset", "new.npz", "--part", "test").code == 0
    Path("run/model.safetensors").unlink()
    ran = cli("resume", "run")
    assert ran.err == f"{said}where it is now as dataset in {config}\n"
    config.write_text(config.read_text().replace(str(old), str(new.absolute())))
    Path("held.npz").unlink()
    assert cli("resume", "run").err.endswith(f"where it is now as validation in {config}\n")
    assert (
        cli("train", "--config", str(config), "--dataset", "digits", "--validation", "0.1").code
        == 0
    )


def test_validation_that_is_asked_for_overrides_the_own_part_and_says_so(
    cli: Cli, digits: Dataset
) -> None:
    own = {"val_images": digits.images[80:93], "val_labels": digits.labels[80:93]}
    save("own.npz", digits, 80, **own)
    save("held.npz", digits, 33)
    note, said = opening(cli, "--dataset", "own.npz", "--validation", "0.5")
    assert note == "note: the validation part of own.npz is not used: --validation is 0.5"
    assert " for validation), " in said
    note, said = opening(cli, "--dataset", "own.npz", "--validation", "held.npz", "--out", "run")
    assert note == ("note: held.npz is the validation part; that of own.npz itself is not used")
    path = Path("held.npz").absolute()
    assert f" 33 for validation, all of {path}), " in said
    config = tomllib.loads(Path("run/config.toml").read_text())
    assert config["validation"] == str(path)


def test_a_file_beside_a_named_data_set(cli: Cli, digits: Dataset) -> None:
    save("held.npz", digits, 33)
    (said,) = opening(cli, "--validation", "held.npz", "--out", "run")
    assert "(600 images, 33 for validation, all of " in said
    assert json.loads(cli("evaluate", "run", "--dataset", "held.npz", "--json").out)["images"] == 33


WRONG = {
    "none.npz": "none.npz: there is no such file or folder to validate on\n"
    "Try: a path, or 0.1 for a tenth of the training images",
    "parts.npz": "parts.npz: holds a test part beside the training part\n"
    "Try: a file or folder with the validation part alone",
    "wide.npz": "wide.npz: training images have the shape (1, 8, 8), validation images "
    "(1, 9, 8)\nTry: images of one shape in all parts",
    "named.npz": "named.npz: there is no class 'ten' in the training part\n"
    "Try: one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    "1.5": "--validation 1.5: the validation fraction must be in [0, 1), got 1.5\n"
    "Try: 0.1 for a tenth of the images, 0 for none",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_validated_on(cli: Cli, digits: Dataset, name: str) -> None:
    few: dict[str, Any] = {"images": digits.images[:4], "labels": np.zeros(4, int)}
    np.savez("parts.npz", **few, test_images=few["images"], test_labels=few["labels"])
    np.savez("wide.npz", images=np.zeros((4, 1, 9, 8), np.uint8), labels=few["labels"])
    np.savez("named.npz", **few, classes=np.array(["ten"]))
    ran = cli("train", "--validation", name)
    assert ran == (1, "", f"error: {WRONG[name]}\n")


def test_pictures_to_validate_on_are_read_as_those_to_train_on(cli: Cli) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    rng = np.random.default_rng(0)
    for part, size, count in (("photos/train", 8, 10), ("photos/val", 8, 2), ("other", 20, 3)):
        for name in ("cat", "dog"):
            (Path(part) / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (size, size), dtype=np.uint8)
                image.fromarray(pixels).save(Path(part) / name / f"{i}.png")
    Path("photos/train/cat/Thumbs.db").write_bytes(b"1")
    Path("photos/train/dog/cut.png").write_bytes(b"")
    ran = cli("train", "--dataset", "photos", "--model", "tiny", "--max-steps", "1")
    assert ran.code == 1
    assert ran.err.startswith("error: photos: 1 of 25 pictures cannot be read:\n  photos/train/dog")
    flags = ("--dataset", "photos", "--model", "tiny", "--skip-damaged")
    *notes, said = opening(cli, *flags, "--out", "run")
    assert notes == [
        "note: files skipped, as their ending is not that of a picture: 1 (.db)",
        "note: damaged pictures left out: 1 of 25; the first: photos/train/dog/cut.png: is empty",
    ]
    assert "(16 images, 4 for validation, its own part), " in said
    assert tomllib.loads(Path("run/config.toml").read_text())["skip-damaged"] is True
    assert json.loads(cli("evaluate", "run", "--json").out)["images"] == 4
    *_, said = opening(cli, *flags, "--validation", "other")
    assert "(16 images, 6 for validation, all of " in said


def test_the_column_of_the_labels(cli: Cli, digits: Dataset) -> None:
    names = [f"pixel{i}" for i in range(64)]
    pixels = digits.images[:60].reshape(60, -1).tolist()
    rows = [[*x, f"d{y}"] for x, y in zip(pixels, digits.labels[:60], strict=True)]
    text = "\n".join(",".join(map(str, row)) for row in [[*names, "character"], *rows])
    Path("own.csv").write_text(text)
    ran = cli("train", *TINY, "--dataset", "own.csv")
    assert ran.code == 1
    assert "Try: --label-column NAME or NUMBER" in ran.err
    opening(cli, "--dataset", "own.csv", "--label-column", "character", "--out", "run")
    assert cli("evaluate", "run").code == 0  # the run knows the column
    assert cli("predict", "run", "--rows", "0:3").code == 0
    Path("other.csv").write_text(text)
    assert cli("evaluate", "run", "--dataset", "other.csv").code == 1
    flags = ("--dataset", "other.csv", "--label-column", "-1")
    assert json.loads(cli("evaluate", "run", *flags, "--json").out)["images"] == 60
    found = json.loads(cli("predict", "run", *flags, "--rows", "0:2", "--json").out)
    assert [row["true"] for row in found["predictions"]] == [f"d{y}" for y in digits.labels[:2]]


def test_weights_of_classes(cli: Cli, digits: Dataset) -> None:
    two = digits.select(classes=["0", "1"], limit_per_class=40)
    few = two.subset(np.r_[np.flatnonzero(two.labels == 0), np.flatnonzero(two.labels == 1)[:8]])
    save("own.npz", few, len(few))
    flags = ("--dataset", "own.npz", "--validation", "0", "--quiet")
    opening(cli, *flags, "--class-weights", "balanced", "--out", "flag")
    Path("own.toml").write_text('[loss]\nclass_weights = "balanced"\n')
    opening(cli, *flags, "--config", "own.toml", "--out", "file")
    opening(cli, *flags, "--class-weights", "1,4", "--out", "list")
    by_flag, by_file, by_list = (
        to_config(xpcnn.load(f"{name}/model.safetensors").loss)["class_weights"]
        for name in ("flag", "file", "list")
    )
    train = xpcnn.data.load("own.npz")[0]
    counts = np.bincount(train.labels)
    assert by_flag == by_file == [len(train) / (2 * count) for count in counts.tolist()]
    assert by_list == [1.0, 4.0]
    ran = cli("train", "--class-weights", "much")
    assert ran.code == 2
    assert "'much' is neither balanced nor a list of numbers such as 1,5,2" in ran.err


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--validation", "0.3", "--seed", "5", "--classes", "7,1,0"),
        ("--dataset", "own.npz"),
        ("--dataset", "own.npz", "--validation", "held.npz"),
        ("--dataset", "own.npz", "--validation", "0.5", "--limit-per-class", "6"),
    ],
)
def test_the_part_that_a_run_validated_on_can_be_evaluated(
    cli: Cli, digits: Dataset, flags: tuple[str, ...]
) -> None:
    own = {"val_images": digits.images[80:93], "val_labels": digits.labels[80:93]}
    save("own.npz", digits, 80, **own)
    save("held.npz", digits, 33)
    ran = cli("train", *TINY, *flags, "--out", "run", "--json")
    last = json.loads(ran.out)["epochs"][-1]
    scores = json.loads(cli("evaluate", "run", "--part", "validation", "--json").out)
    assert (scores["part"], scores["accuracy"]) == ("validation", last["val_accuracy"])
    assert scores["loss"] == pytest.approx(last["val_loss"], rel=1e-6)
    assert cli("predict", "run", "--part", "validation", "--rows", "0").code == 0


def test_no_validation_part(cli: Cli, digits: Dataset) -> None:
    save("own.npz", digits, 80)
    cli("train", *TINY, "--validation", "0", "--out", "run")
    for flags, name in (((), "digits"), (("--dataset", "own.npz"), "own.npz")):
        ran = cli("evaluate", "run", "--part", "validation", *flags)
        assert ran == (
            1,
            "",
            f"error: {name} has no validation part\n"
            "Try: --part test, or --dataset with what to evaluate on\n",
        )


def test_drop_last_leaves_out_a_short_batch(cli: Cli) -> None:
    flags = ("train", "--limit", "100", "--validation", "0", "--batch-size", "40", "--epochs", "1")
    for more, steps in (((), 3), (("--drop-last",), 2)):
        cli(*flags, *more, "--out", f"run{steps}")
        (line,) = Path(f"run{steps}/metrics.jsonl").read_text().splitlines()
        assert json.loads(line)["step"] == steps


def test_a_test_part_that_changed_after_the_run_is_said(cli: Cli, digits: Dataset) -> None:
    save("own.npz", digits, 80)
    opening(cli, "--dataset", "own.npz", "--out", "run")
    assert cli("evaluate", "run").err == ""
    save("own.npz", digits, 200)
    note = f"note: {Path('own.npz').absolute()} has changed since the run: this is not the test "
    for command in (["evaluate", "run"], ["predict", "run", "--rows", "0:2"]):
        assert cli(*command).err.startswith(note)
        assert cli(*command, "--part", "train").err == ""
    assert cli("evaluate", "run", "--dataset", "digits").err == ""
