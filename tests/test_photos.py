"""The command that measures training on photographs with the defaults, on a few pictures."""

import re

import numpy
import pytest

import xpcnn
from tests import photos
from xpcnn.data import Dataset

pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def test_it_runs_on_a_few_pictures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = numpy.random.default_rng(0).integers(0, 256, (45, 3, 8, 8), dtype=numpy.uint8)
    data = Dataset.from_arrays(images, numpy.arange(45) % 3, photos.CLASSES)
    monkeypatch.setattr(xpcnn.data, "load", lambda *_, **__: (data, data))
    photos.main(["--images", "15", "--seeds", "1", "--flags", "--epochs 1 --image-size 8,8"])
    lines = capsys.readouterr().out.splitlines()
    figure = r"test accuracy [01]\.\d{4} \(mean of 1 seeds, worst [01]\.\d{4}\), \d+ s"
    for kind, line in zip(("as they are", "enlarged"), lines[1::2], strict=True):
        assert re.fullmatch(f"{kind}: {figure}", line)
