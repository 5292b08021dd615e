"""The stand-ins compute what the op means, so that their times are those of the same work."""

from typing import Any

import numpy
import pytest

from tests.bench import loops
from tests.bench.loops import WAYS, Way, conv2d_in
from tests.bench.projects import PROJECTS, cells
from xpcnn import backend
from xpcnn.models import preset
from xpcnn.ops import reference


@pytest.mark.parametrize("way", WAYS)
def test_one_window_by_eye(way: str) -> None:
    """1*1 + 2*10 + 3*100 + 4*1000, and a bias of 5."""
    x = numpy.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    w = numpy.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    y, back = conv2d_in(WAYS[way])(x, w, numpy.array([5.0]))
    assert y.tolist() == [[[[4326.0]]]]
    dx, dw, db = back(numpy.array([[[[2.0]]]]))
    assert (dx.tolist(), dw.tolist(), db.tolist()) == ((2 * w).tolist(), (2 * x).tolist(), [2.0])


@pytest.mark.parametrize("padding", [0, "same"])
@pytest.mark.parametrize("way", WAYS)
def test_ways_are_the_op(way: str, padding: Any) -> None:
    rng = numpy.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape) for shape in ((2, 3, 6, 5), (4, 3, 3, 2), 4))
    y, back = conv2d_in(WAYS[way])(x, w, b, padding=padding)
    want, want_back = reference.conv2d(x, w, b, padding=padding)
    dy = rng.standard_normal(want.shape)
    for ours, theirs in zip((y, *back(dy)), (want, *want_back(dy)), strict=True):
        numpy.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_side_is_verified_before_it_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_kernels", {})  # of which a side leaves its own
    good = WAYS["pixels"]
    loops.side("tiny", 2, "pixels").step()

    def off(*arrays: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        dx, dw = good.backward(*arrays)
        return dx, dw * 1.0005

    monkeypatch.setitem(WAYS, "pixels", Way(good.forward, off))
    with pytest.raises(AssertionError, match=r"gradient of layers\.0\.weight: off by 0\.0005"):
        loops.side("tiny", 2, "pixels")


def test_every_project_has_a_preset_and_a_way() -> None:
    for project in PROJECTS:
        assert preset(project.model).name == project.model
        assert project.way in WAYS
    result = {**PROJECTS[0]._asdict(), "stand_in": 50.0, "xpcnn": 700.0, "xpcnn_64": 10_000.0}
    assert (
        " | ".join(cells(result)) == "`kaggle` | numbers | 1 | 20 to 83 | 50 | 700 | 10,000 | 200"
    )
