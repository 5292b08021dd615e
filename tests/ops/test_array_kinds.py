"""Which arrays an op takes together, and which dy its pullback takes."""

import re
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.lib import Lib, open_lib
from xpcnn import ops
from xpcnn.errors import BackendError, DTypeError, ShapeError


def test_parameters_of_pytorch_are_arrays_of_it() -> None:
    torch: Any = pytest.importorskip("torch")
    x, w = torch.ones(2, 3), torch.nn.Parameter(torch.ones(3, 1))
    for first, second in ((x, w), (torch.nn.Parameter(x), w.detach())):
        y, _ = ops.dense(first, second)
        assert y.tolist() == [[3.0], [3.0]]


def test_memory_maps_matrices_and_masked_arrays_are_refused(tmp_path: Path) -> None:
    """The kernels in C read plain arrays; others would be computed slowly, or otherwise."""
    x, w = numpy.ones((2, 3)), numpy.ones((3, 1))
    mapped = numpy.memmap(tmp_path / "w", "float64", "w+", shape=w.shape)
    for other, kind, advice in (
        (mapped, "memmap", r"numpy\.asarray\(w\)$"),
        (w.view(numpy.matrix), "matrix", r"numpy\.asarray\(w\)$"),
        (numpy.ma.masked_array(w, w > 0), "MaskedArray", r"w\.filled\(value\)$"),
        (w.tolist(), "list", "move all to one library"),
    ):
        message = rf"dense: x is a numpy\.ndarray and w a .*{kind}\nTry: {advice}"
        with pytest.raises(BackendError, match=message):
            ops.dense(x, other)
    y, pullback = ops.dense(x, w)
    with pytest.raises(
        BackendError, match=r"the pullback got dy, a numpy.matrix, expected a numpy"
    ):
        pullback(y.view(numpy.matrix))


def test_a_masked_array_alone_is_refused() -> None:
    message = r"relu: x is a masked array, .* ignored\nTry: x\.filled\(value\)$"
    with pytest.raises(DTypeError, match=message):
        ops.relu(numpy.ma.masked_array([1.0, 2.0], [True, False]))


def test_a_dy_unlike_the_output_is_refused(lib: Lib) -> None:
    """One of float64 would make all gradients before it float64, at half the speed."""
    y, pullback = ops.relu(lib.asarray([-1.0, 2.0], "float32"))
    message = (
        "relu: the pullback got dy of dtype float64, expected float32, that of the output y\n"
        "Try: convert dy to float32; Python numbers as constants, not NumPy's float64"
    )
    with pytest.raises(DTypeError, match=f"^{re.escape(message)}$"):
        pullback(lib.asarray([1.0, 1.0], "float64"))
    other = numpy.ones(2, "float32")
    if lib.backend.array_type is numpy.ndarray:
        other = open_lib("array-api-strict").asarray(other)
    with pytest.raises(BackendError, match=r"^relu: the pullback got dy, a .*\nTry: move it there"):
        pullback(other)
    with pytest.raises(
        BackendError, match=r"^relu: the pullback got dy, a list, expected an array"
    ):
        pullback([1.0, 1.0])
    with pytest.raises(ShapeError, match=r"dy of shape \(\), expected \(2,\)"):
        pullback(1.0)
    (dx,) = pullback(y)
    assert lib.to_host(dx).tolist() == [0.0, 2.0]


def test_a_number_is_the_dy_of_a_number(lib: Lib) -> None:
    _, pullback = ops.mse(lib.asarray([1.0, 2.0], "float32"), lib.asarray([0.0, 0.0], "float32"))
    for one in (1, 1.0, lib.asarray(1.0, "float32")):
        assert lib.to_host(pullback(one)[0]).tolist() == [1.0, 2.0]
    with pytest.raises(DTypeError, match="dy of dtype float64"):
        pullback(lib.asarray(1.0))
