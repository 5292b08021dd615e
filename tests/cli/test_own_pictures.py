"""Pictures and files of the user's own, for a model that was trained on others."""

import tomllib
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli, answer
from tests.cli.test_own_data import write_csv
from tests.data.small_pictures import picture
from xpcnn.data.reading import Pictures
from xpcnn.model_loading import load_model

pytest.importorskip("PIL.Image", reason="Pillow is not installed")

NOISE = numpy.random.default_rng(0)


def blocks(root: Path, classes: str = "ab", per: int = 16, colour: bool = False) -> Path:
    """Write root/CLASS/i.png of several sizes: class `a` light above, `b` light below."""
    for i in range(per * len(classes)):
        name = classes[i % len(classes)]
        h, w = NOISE.integers(12, 30, 2)
        pixels = NOISE.integers(0, 40, (h, w))
        half = slice(None, h // 2) if name == "a" else slice(h // 2, None)
        pixels[half] += 200
        if colour:
            pixels = numpy.stack([pixels, pixels // 2, pixels // 3], axis=2)
        picture(root / name / f"{i:02}.png", pixels)
    return root


def train(cli: Cli, *flags: str | Path) -> str:
    """Train on the pictures of `blocks` and return what was told."""
    Path("net.toml").write_text(
        "input_shape = [1, 8, 8]\nclasses = 2\n"
        'layers = [{ type = "Flatten" }, { type = "Dense", units = "classes" }]\n'
        '[training]\nepochs = 3\nbatch_size = 8\noptimizer = { name = "adam", lr = 0.01 }\n'
    )
    ran = cli("train", "--model", "net.toml", "--out", "run", *flags)
    assert ran.code == 0, ran.err
    return ran.err


def test_predict_gives_what_evaluate_gives_on_the_training_files(cli: Cli) -> None:
    for part in ("train", "test"):
        blocks(Path("photos") / part)
    told = train(cli, "--dataset", "photos")
    assert "note: pictures of several sizes, " in told
    model = load_model("run/model.safetensors")
    assert isinstance(model.reading, Pictures)
    config = tomllib.loads(Path("run/config.toml").read_text())
    assert config["image-size"] == ",".join(map(str, model.reading.size))
    for part in ("train", "test"):
        found = answer(cli, "predict", "run", f"photos/{part}")
        right = [Path(p["image"]).parent.name == p["class"] for p in found["predictions"]]
        scores = answer(cli, "evaluate", "run", "--part", part)
        assert len(right) == scores["images"] == 32
        assert numpy.mean(right) == pytest.approx(scores["accuracy"])
        assert not any(p["framed"] or p["inverted"] or p["blank"] for p in found["predictions"])


def test_pictures_are_cut_off_where_that_is_asked_for(cli: Cli) -> None:
    flags = ("--image-size", "8,8", "--image-fit", "crop")
    train(cli, "--dataset", blocks(Path("photos")), *flags, "--quiet")
    assert load_model("run/model.safetensors").reading == Pictures("L", (8, 8), "crop")
    ran = cli("train", "--dataset", "photos", "--image-fit", "stretch")
    assert ran.err == (
        "error: --image-fit stretch: image-fit is 'stretch', expected 'pad' or 'crop'\n"
        "Try: pad, which keeps the whole picture\n"
    )
    for dataset in ("digits", "mine.npz"):
        numpy.savez("mine.npz", images=numpy.zeros((9, 1, 8, 8), numpy.uint8), labels=[0] * 9)
        ran = cli("train", "--dataset", dataset, "--image-fit", "crop")
        assert ran.err.startswith(
            f"error: --image-fit crop: image-fit is given, but {dataset} is not a folder of "
        )


def test_pictures_too_small_for_a_network_are_seen_before_they_are_read(cli: Cli) -> None:
    ran = cli("train", "--dataset", "no/such", "--model", "vgg11", "--image-size", "16,16")
    assert ran.err.startswith("error: vgg11: MaxPool2D: a window of 2 x 2 does not fit into an im")
    assert ran.err.endswith("\nTry: --image-size 224,224, for which vgg11 is made\n")


def test_a_folder_that_the_model_was_not_trained_on_is_judged_whole(cli: Cli) -> None:
    train(cli, "--dataset", blocks(Path("photos")), "--quiet")
    assert answer(cli, "evaluate", "run")["part"] == "test"
    assert answer(cli, "evaluate", "run", "--dataset", "photos")["part"] == "test"
    found = answer(cli, "evaluate", "run", "--dataset", blocks(Path("held_out")))
    assert (found["part"], found["images"]) == ("all", 32)
    only = answer(cli, "evaluate", "run", "--dataset", blocks(Path("only"), "b"))
    assert (only["part"], only["images"]) == ("all", 16)
    ran = cli("evaluate", "run", "--dataset", "only")
    assert ran.out.endswith("(16 images, all of only)\n")
    everything = answer(cli, "evaluate", "run", "--part", "all")
    assert (everything["part"], everything["images"]) == ("all", 32)


def test_channels_come_from_the_model(cli: Cli) -> None:
    train(cli, "--dataset", blocks(Path("photos"), colour=True), "--quiet")
    assert load_model("run/model.safetensors").input_shape[0] == 3
    grey = answer(cli, "evaluate", "run", "--dataset", blocks(Path("grey")))
    assert (grey["images"], grey["accuracy"] > 0.8) == (32, True)


def test_a_run_from_the_weights_of_another_reads_pictures_as_that_one_did(cli: Cli) -> None:
    size = ("--image-size", "8,8", "--image-fit", "crop")
    train(cli, "--dataset", blocks(Path("photos"), colour=True), *size, "--quiet")
    flags = ("train", "--dataset", blocks(Path("grey")), "--init", "run", "--epochs", "1")
    ran = cli(*flags, "--out", "next")
    assert "note: pictures are read as those of run were: in colour, 8 x 8, --image-f" in ran.err
    assert "mean and standard deviation of the samples: those of the file" in ran.err
    assert load_model("next/model.safetensors").reading == Pictures("RGB", (8, 8), "crop")
    assert cli(*flags, "--image-fit", "pad", "--out", "other").code == 0
    assert load_model("other/model.safetensors").reading == Pictures("RGB", (8, 8), "pad")
    for more, told in (((), 0), (("--stream", "yes"), 1), (("--image-fit", "pad"), 1)):
        same = ("train", "--dataset", "photos", "--init", "run", "--epochs", "1")
        ran = cli(*same, *more)
        assert ran.err.count("note: run was trained on some of these test images") == told
    ran = cli("train", "--dataset", blocks(Path("only"), "a"), "--init", "run")
    assert "error: only: holds images of one class only, 'a', expected two or more" in ran.err


def test_a_run_from_a_model_of_arrays_reads_pictures_as_these_arrays(cli: Cli) -> None:
    rng = numpy.random.default_rng(0)
    values = {"parts.npz": rng.random((40, 1, 8, 8), numpy.float32)}  # 0 to 1
    values["drawn.npz"] = numpy.zeros((40, 1, 8, 8), numpy.float32)
    values["drawn.npz"][:, :, 2:6, 3:5] = values["parts.npz"][:, :, 2:6, 3:5] > 0.2
    blocks(Path("photos"))
    for name, images in values.items():
        numpy.savez(name, images=images, labels=numpy.arange(40) % 2)
        assert cli("train", "--dataset", name, "--epochs", "1", "--out", name[:5]).code == 0
        flags = ("train", "--dataset", "photos", "--init", name[:5], "--epochs", "1")
        ran = cli(*flags, "--out", f"{name[:5]}-photos")
        told = f"as the arrays of {name[:5]} were: 8 x 8, black is 0 and white 1"
        assert told in " ".join(ran.err.split())
        assert "times as wide" not in ran.err
        source, new = (load_model(f"{name[:5]}{end}/model.safetensors") for end in ("", "-photos"))
        assert new.reading == source.reading
        ran = cli(*flags, "--image-fit", "crop")
        assert ran.err.startswith(f"error: {name[:5]} was trained on arrays")


def test_classes_come_from_the_model(cli: Cli) -> None:
    train(cli, "--dataset", blocks(Path("photos")), "--quiet")
    x = numpy.zeros((3, 1, *load_model("run/model.safetensors").input_shape[1:]), numpy.uint8)
    x[:, :, :4] = 255
    numpy.savez("mine.npz", images=x, labels=[0, 0, 1])  # without names
    found = answer(cli, "predict", "run", "--dataset", "mine.npz", "--rows", "0:3")
    assert [row["true"] for row in found["predictions"]] == ["a", "a", "b"]
    named = Path("named.csv")  # labels that are names of classes
    named.write_text("label,pixel0\n8,0\n1,0\n8,0\n")
    whole = xpcnn.data.load_whole(named, classes=("8", "1"))
    assert (whole.classes, whole.labels.tolist()) == (("8", "1"), [0, 1, 0])
    blocks(Path("more"), "abc")
    ran = cli("evaluate", "run", "--dataset", "more")
    assert ran.code == 1
    assert "has classes that the model does not know: c; it knows a, b" in ran.err


def test_rows_are_those_of_the_file(cli: Cli, trained: Path) -> None:
    few = xpcnn.data.load("digits")[1].subset(range(40))
    write_csv("mine.csv", few)
    rows = answer(cli, "predict", trained, "--dataset", "mine.csv", "--rows", "0:40")["predictions"]
    assert [row["row"] for row in rows] == list(range(40))
    assert [row["true"] for row in rows] == [str(k) for k in few.labels]
    scores = answer(cli, "evaluate", trained, "--dataset", "mine.csv")
    assert (scores["part"], scores["images"]) == ("all", 40)
    right = [row["true"] == row["class"] for row in rows]
    assert numpy.mean(right) == pytest.approx(scores["accuracy"])
    ran = cli("predict", trained, "--dataset", "mine.csv", "--rows", "40")
    assert ran.err.startswith("error: --rows 40: mine.csv has the rows 0 to 39\n")
    part = answer(cli, "evaluate", trained, "--dataset", "mine.csv", "--part", "test")
    assert part["images"] < 40

    write_csv("test.csv", few, labelled=False)
    (row,) = answer(cli, "predict", trained, "--dataset", "test.csv", "--rows", "5")["predictions"]
    assert list(row) == ["row", "class", "probability"]
    assert (row["row"], row["class"]) == (5, rows[5]["class"])
