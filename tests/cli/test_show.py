"""`xpcnn show`: samples of each class, before and after augmentation."""

import json
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.report.html import check_self_contained
from xpcnn.data import Dataset
from xpcnn.data.augment import Flip, Shift

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from xpcnn.report.sheet import augmented, contact_sheet


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return xpcnn.data.load("digits")[0]


def test_a_sheet_has_the_first_samples_of_each_class(digits: Dataset) -> None:
    rows = contact_sheet(digits, per_class=3)
    assert [row.name for row in rows] == list(digits.classes)
    assert [row.samples for row in rows] == numpy.bincount(digits.labels).tolist()
    for label, row in enumerate(rows):
        first = digits.images[digits.labels == label][:3, 0]
        assert numpy.array_equal(
            numpy.stack(row.before)[..., 0], numpy.rint(first * (255 / 16)).astype(numpy.uint8)
        )
        assert not row.after


def test_augmented_samples_are_those_of_the_first_epoch(digits: Dataset) -> None:
    few = digits.subset(range(20))
    flipped = augmented(few, [Flip(1.0)], seed=0)
    assert numpy.abs(flipped - few.images[..., ::-1]).max() < 1e-5
    shifted = [augmented(few, [Shift(2)], seed=seed) for seed in (0, 0, 1)]
    assert numpy.array_equal(shifted[0], shifted[1])
    assert not numpy.array_equal(shifted[0], shifted[2])


def test_many_classes_get_fewer_samples_each() -> None:
    images = numpy.zeros((600, 1, 2, 2), numpy.uint8)
    data = Dataset.from_arrays(images, numpy.arange(600) % 200)
    assert {len(row.before) for row in contact_sheet(data)} == {2}


def test_a_page_and_a_picture(cli: Cli) -> None:
    ran = cli("show", "digits", "--augment", "shift,noise", "--per-class", "2", "--json")
    table = json.loads(ran.out)
    assert (table["sheet"], table["images"], table["part"]) == ("digits.html", 1442, "train")
    page = check_self_contained(Path("digits.html").read_text(encoding="utf-8"))
    assert len(page.pictures) == 40
    assert "augmented by shift,noise" in page.words
    assert cli("show", "digits", "--out", "d.png", "--part", "test").code == 0
    ran = cli("show", "digits", "--part", "validation", "--json")
    assert json.loads(ran.out)["images"] == 145  # what `xpcnn train` keeps aside of 1,442
    picture = import_module("PIL.Image").open(BytesIO(Path("d.png").read_bytes()))
    assert picture.format == "PNG"
    assert min(picture.size) > 500


def test_names_of_classes_are_escaped(cli: Cli) -> None:
    images = numpy.random.default_rng(0).integers(0, 255, (60, 1, 8, 8)).astype(numpy.uint8)
    names = ["<script>alert(1)</script>", "$b$"]
    numpy.savez("d.npz", images=images, labels=numpy.arange(60) % 2, classes=names)
    assert cli("show", "d.npz").code == 0
    assert names[0] in check_self_contained(Path("d.html").read_text(encoding="utf-8")).words
    assert cli("show", "d.npz", "--out", "d.png").code == 0


def test_what_is_refused(cli: Cli) -> None:
    for arguments, text in (
        (("digits", "--out", "d.gif"), "ends in .html or .png\nTry: --out d.html"),
        (("digits", "--augment", "flop"), "'flip'"),
        (("nowhere.npz",), "nowhere.npz"),
    ):
        ran = cli("show", *arguments)
        assert ran.code == 1
        assert text in ran.err
        assert "Try:" in ran.err


def test_rows_of_features_are_refused() -> None:
    data = Dataset.from_arrays(numpy.zeros((4, 3, 1, 1), numpy.float32) + 1, [0, 1, 0, 1])
    with pytest.raises(xpcnn.errors.DataError, match="rows of features"):
        contact_sheet(data)
