"""Data of one's own at the command line: training on it, a submission, and warnings."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.cli.process import TINY
from xpcnn.data import Dataset
from xpcnn.model_loading import load_model

SUBMIT = ("--dataset", "test.csv", "--submission", "out.csv")


def write_csv(path: str, data: Dataset, labelled: bool = True) -> None:
    """Write a data set as Kaggle does."""
    pixels = data.images.reshape(len(data), -1).tolist()
    names = [f"pixel{i}" for i in range(len(pixels[0]))]
    rows: list[list[object]] = [[*names], *pixels]
    if labelled:
        rows = [["label", *names], *([y, *x] for y, x in zip(data.labels, pixels, strict=True))]
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text("".join(",".join(map(str, row)) + "\n" for row in rows))


@pytest.fixture
def digits() -> tuple[Dataset, Dataset]:
    """Return the embedded digits, with which the models of these tests can do something."""
    return xpcnn.data.load("digits")


def test_train_on_a_csv_file(cli: Cli, digits: tuple[Dataset, Dataset]) -> None:
    write_csv("kaggle/train.csv", digits[0])
    write_csv("kaggle/test.csv", digits[1], labelled=False)
    ran = cli("train", "--dataset", "kaggle", "--epochs", "3", "--out", "run")
    assert ran.code == 0
    lines = ran.err.splitlines()
    train, test = xpcnn.data.load("kaggle")
    assert lines[0].startswith("digits (")
    assert " parameters) on kaggle (" in lines[0]
    assert lines[1] == f"test part: {len(test)} images of kaggle (a fifth, by hash)"
    assert lines[-1] == "next: xpcnn predict run --rows 0:10 --dataset kaggle"
    assert cli(*lines[-1].split()[2:]).code == 0
    shown = cli("evaluate", "run", "--dataset", "kaggle", "--json")
    facts = json.loads(shown.out)
    assert (facts["images"], facts["dataset"]) == (len(test), "kaggle (a fifth, by hash)")
    assert facts["accuracy"] > 0.8
    config = tomllib.loads(Path("run/config.toml").read_text())
    assert config["dataset"] == str(Path("kaggle").absolute())

    # the competition: images without labels, answers that only this test knows
    ran = cli("predict", "run", *SUBMIT[2:], "--dataset", "kaggle")
    assert ran == (0, "wrote 355 labels to out.csv\n", "")
    rows = Path("out.csv").read_bytes().decode().split("\n")
    assert (rows[0], rows[-1], len(rows)) == ("ImageId,Label", "", 357)
    answers = np.array([row.split(",") for row in rows[1:-1]], int)
    assert answers[:, 0].tolist() == list(range(1, 356))
    expected = load_model("run/model.safetensors").predict(digits[1].images)
    np.testing.assert_array_equal(answers[:, 1], expected)
    assert (answers[:, 1] == digits[1].labels).mean() > 0.8
    again = cli("predict", "run", "--dataset", "kaggle/test.csv", "--submission", "2.csv", "--json")
    assert json.loads(again.out) == {
        "model": "run",
        "dataset": "kaggle/test.csv",
        "submission": "2.csv",
        "images": 355,
    }
    assert Path("2.csv").read_bytes() == Path("out.csv").read_bytes()
    assert len(train) + len(test) == 1442


def test_labels_of_a_submission_are_names_of_classes(
    cli: Cli, digits: tuple[Dataset, Dataset]
) -> None:
    two = digits[0].select(classes=["8", "1"])
    names = np.array(["eight, the", "one"])
    np.savez("own.npz", images=two.images, labels=two.labels, classes=names)
    assert (
        cli("train", "--dataset", "own.npz", "--epochs", "2", "--quiet", "--out", "run").code == 0
    )
    write_csv("test.csv", digits[1].select(classes=["1"]), labelled=True)  # with labels, too
    assert cli("predict", "run", *SUBMIT).code == 0
    lines = set(Path("out.csv").read_text().splitlines()[1:])
    assert {line.partition(",")[2] for line in lines} <= {'"eight, the"', "one"}


def test_a_submission_never_overwrites_by_itself(
    cli: Cli, trained: Path, digits: tuple[Dataset, Dataset]
) -> None:
    write_csv("test.csv", digits[1], labelled=False)
    Path("out.csv").write_text("mine")
    ran = cli("predict", trained, *SUBMIT)
    message = "error: out.csv is there already\nTry: another name, or --force to write over it\n"
    assert ran == (1, "", message)
    assert Path("out.csv").read_text() == "mine"
    assert cli("predict", trained, *SUBMIT, "--force").code == 0
    assert Path("out.csv").read_text().startswith("ImageId,Label\n1,")
    ran = cli("predict", trained, *SUBMIT[:2], "--submission", "no/out.csv")
    assert ran.code == 1
    assert ran.err.startswith("error: no/out.csv cannot be written: ")
    assert sorted(path.name for path in Path().iterdir()) == ["out.csv", "test.csv"]


def test_a_submission_of_what_the_model_cannot_take(cli: Cli, trained: Path) -> None:
    ran = cli("predict", trained, *SUBMIT)
    assert ran.err.startswith("error: test.csv: there is no such file\n")
    Path("test.csv").write_text("pixel0,pixel1,pixel2,pixel3\n1,2,3,4\n")
    ran = cli("predict", trained, *SUBMIT)
    assert ran.code == 1
    assert ran.err.startswith(
        "error: test.csv: 4 columns of pixels do not make images of 8 x 8\nTry: "
    )
    ran = cli("predict", trained, "--dataset", "digits", *SUBMIT[2:])
    assert ran.err == (
        "error: digits: is not a CSV file of images\nTry: test.csv, or the folder that holds it\n"
    )
    assert not Path("out.csv").exists()


def test_a_submission_of_images_on_another_scale_is_warned_of(
    cli: Cli, trained: Path, digits: tuple[Dataset, Dataset]
) -> None:
    paper = Dataset.from_arrays(digits[1].images * np.uint8(15), digits[1].labels)
    write_csv("test.csv", paper, labelled=False)
    ran = cli("predict", trained, *SUBMIT)
    assert ran.code == 0
    assert ran.err.startswith("warning: given images spread 15")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--submission", "a.csv"], "--submission needs --dataset, such as --dataset test.csv."),
        (["a.png", *SUBMIT], "Give either picture files or --rows"),
        (["--rows", "1", *SUBMIT], "Or --submission FILE with --dataset test.csv."),
    ],
)
def test_wrong_usage_of_submission(cli: Cli, arguments: list[str], message: str) -> None:
    ran = cli("predict", "run", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_train_on_an_npz_file_repeats_from_its_configuration(
    cli: Cli, digits: tuple[Dataset, Dataset]
) -> None:
    np.savez("own.npz", images=digits[0].images, labels=digits[0].labels)
    flags = ("--dataset", "own.npz", *TINY, "--image-size", "8,8")
    assert cli("train", *flags, "--out", "one").code == 0
    config = tomllib.loads(Path("one/config.toml").read_text())
    assert (config["dataset"], config["image-size"]) == (str(Path("own.npz").absolute()), "8,8")
    assert "no-preflight" not in config
    again = ("--config", "one/config.toml")
    assert cli("train", *again, "--no-preflight", "--out", "two").code == 0
    one, two = (load_model(f"{run}/model.safetensors") for run in ("one", "two"))
    images = digits[1].images[:50]
    np.testing.assert_array_equal(one.predict_proba(images), two.predict_proba(images))


def test_train_on_pictures_of_several_sizes(cli: Cli, digits: tuple[Dataset, Dataset]) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    few = digits[0].select(classes=[3, 8], limit_per_class=40)
    for i, (pixels, label) in enumerate(zip(few.images[:, 0], few.labels, strict=True)):
        path = Path(f"pets/{few.classes[label]}/{i}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        level = (pixels * np.uint8(15)).repeat(1 + i % 2, axis=0).repeat(1 + i % 2, axis=1)
        image.fromarray(level).save(path)
    flags = ("--dataset", "pets", "--epochs", "3", "--batch-size", "8")
    assert "are fitted to 8 x 8; --image-size H,W" in cli("train", *flags).err
    ran = cli("train", *flags, "--image-size", "8,8", "--json", "--out", "run")
    assert ran.code == 0
    assert json.loads(ran.out)["test"]["accuracy"] > 0.7
    assert load_model("run/model.safetensors").classes == ("3", "8")
    found = json.loads(cli("evaluate", "run", "--json").out)  # the path and the size of training
    assert found["accuracy"] == json.loads(ran.out)["test"]["accuracy"]
    assert found["dataset"] == "pets (a fifth, by hash)"
    assert cli("predict", "run", "--rows", "0:2").code == 0


@pytest.mark.parametrize("size", ["8", "8,8,8", "a,b", "8x8"])
def test_an_image_size_that_is_none(cli: Cli, size: str) -> None:
    ran = cli("train", "--image-size", size)
    assert (ran.code, ran.out) == (2, "")
    assert f"--image-size {size}: expected a height and a width" in ran.err


def test_likely_mistakes_are_warned_of_before_the_first_epoch(
    cli: Cli, digits: tuple[Dataset, Dataset]
) -> None:
    train, test = digits
    np.savez(
        "own.npz",
        images=train.images,
        labels=train.labels,
        test_images=np.concatenate([test.images, train.images[:5]]),
        test_labels=np.concatenate([test.labels, train.labels[:5]]),
    )
    flags = ("train", "--dataset", "own.npz", *TINY[2:])
    ran = cli(*flags, "--validation", "0")
    warning = (
        "warning: 5 of 360 test images are in the training part too, 0 of them with another "
        "label. Try: take them out of one part, and correct labels that differ"
    )
    lines = ran.err.splitlines()
    assert lines[1] == warning
    assert lines[2].startswith("epoch 1 ")
    assert "warning" not in cli(*flags, "--validation", "0", "--no-preflight").err
    assert cli(*flags, "--quiet").err == ""


def test_embedded_digits_are_warned_of_only_where_few_are_validated(cli: Cli) -> None:
    assert "warning" not in cli("train", *TINY).err
    ran = cli("train", "--limit", "30", "--epochs", "1")
    assert "classes have no validation image: " in ran.err
