"""The command that measures training on photographs with the defaults, on a few pictures."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests import photos
from xpcnn.data import Dataset

pytest.importorskip("PIL.Image", reason="Pillow is not installed")


@pytest.fixture
def data() -> Dataset:
    images = numpy.random.default_rng(0).integers(0, 256, (45, 3, 8, 8), dtype=numpy.uint8)
    return Dataset.from_arrays(images, numpy.arange(45) % 3, photos.CLASSES)


def test_it_trains_on_a_few_pictures(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos.write_all(tmp_path, data, data, count=15, mixed=True)
    flags = ["--epochs", "1", "--image-size", "8,8"]
    (accuracy,) = photos.measure("enlarged", tmp_path / "photos", 1, flags)
    assert 0 <= accuracy <= 1
    figure = rf"test accuracy {accuracy:.4f} \(mean of 1 seeds, worst {accuracy:.4f}\), \d+ s"
    assert re.fullmatch(f"enlarged: {figure}", capsys.readouterr().out.splitlines()[-1])


def test_it_prints_what_enlarging_costs_on_the_same_pictures(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {"as-they-are": (0.80, 0.75), "enlarged": (0.78, 0.75)}

    def train(folder: Path, seed: int, flags: Sequence[str]) -> tuple[float, float]:
        return figures[folder.parent.name][seed] if folder.name == "parts" else 0.5, 60.0

    monkeypatch.setattr(xpcnn.data, "load", lambda *_, **__: (data, data))
    monkeypatch.setattr(photos, "train", train)
    photos.main(["--images", "2", "--seeds", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "as they are: test accuracy 0.5000 (mean of 2 seeds, worst 0.5000), 60 s"
    assert lines[-1] == (
        "lost by enlarging, on the same 45 unseen pictures: 0.0100, standard error 0.0100"
    )


def test_pairs_hold_the_same_pictures(data: Dataset, tmp_path: Path) -> None:
    for mixed in (False, True):
        photos.write_all(tmp_path / str(mixed), data, data, count=10, mixed=mixed)
    names, enlarged = (
        sorted(file.relative_to(root) for file in root.rglob("*.jpg"))
        for root in (tmp_path / "False", tmp_path / "True")
    )
    assert names == enlarged
    assert len(names) == 3 * (10 + 9 + 1 + 15)
