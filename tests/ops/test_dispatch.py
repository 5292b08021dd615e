"""What `traced` tells of the ops that ran."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from xpcnn import backend, ops
from xpcnn.errors import ShapeError
from xpcnn.ops.dispatch import traced

X = numpy.ones((2, 3, 5, 5), "float32")
SLOPES = numpy.full((3,), 0.25, "float32")


@pytest.fixture(autouse=True)
def one_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register one kernel, of ReLU, which serves float32 only."""

    def relu(x: numpy.ndarray) -> object:
        return (x, None) if x.dtype == numpy.float32 else NotImplemented

    kernels: dict[type, dict[str, Callable[..., object]]] = {numpy.ndarray: {"relu": relu}}
    monkeypatch.setattr(backend, "_kernels", kernels)


def test_each_op_is_noted_with_what_computed_it() -> None:
    with traced() as calls:
        ops.relu(X)
        ops.relu(X.astype("float64"))
        ops.prelu(X, SLOPES)
    assert calls == [("relu", "kernel"), ("relu", "reference"), ("prelu", "reference")]


def test_blocks_within_blocks_and_after_them() -> None:
    with traced() as outer:
        with traced() as inner:
            ops.relu(X)
        ops.prelu(X, SLOPES)
    ops.relu(X)
    assert (inner, outer) == ([("relu", "kernel")], [("relu", "kernel"), ("prelu", "reference")])


def test_an_op_that_rejects_its_arguments_is_not_noted() -> None:
    with traced() as calls, pytest.raises(TypeError):
        ops.relu()
    assert calls == []


def test_a_pullback_called_without_dy_is_named_after_its_op() -> None:
    _, pullback = ops.relu(numpy.zeros(2))
    with pytest.raises(TypeError, match=r"^relu\.pullback\(\) missing 1 .* argument: 'dy'$"):
        pullback()  # type: ignore[call-arg]


def test_a_memory_map_is_computed_by_the_kernel(tmp_path: Path) -> None:
    numpy.save(tmp_path / "x.npy", X)
    x = numpy.load(tmp_path / "x.npy", mmap_mode="r")
    with traced() as calls:
        ops.relu(x)
        ops.relu(x=x)
    assert calls == [("relu", "kernel")] * 2
    w = numpy.ones((2, 3, 3, 3), "float32")
    y, pullback = ops.conv2d(x, w)  # beside plain arrays, too
    assert numpy.array_equal(y, ops.conv2d(X, w)[0])
    dx, *_ = pullback(y)
    assert dx is not None
    assert dx.shape == X.shape


@pytest.mark.parametrize(
    ("wants", "message"),
    [
        ((True, False), "wants with 2 values, expected 3, one for each of x, w, b"),
        ((), "wants with 0 values, expected 3, one for each of x, w, b"),
        (True, "wants=True, expected a tuple of 3, one for each of x, w, b"),
    ],
)
def test_wants_of_another_length(wants: Any, message: str) -> None:
    y, pullback = ops.conv2d(X, numpy.ones((2, 3, 3, 3), "float32"))
    advice = "\nTry: wants=None for all gradients, or wants=(True, False, False)"
    with pytest.raises(ShapeError, match=re.escape(f"conv2d: the pullback got {message}{advice}")):
        pullback(y, wants)
    y, pullback = ops.sigmoid(X)  # which took the first, and ignored the others
    with pytest.raises(ShapeError, match="expected 1, one for each of x\nTry"):
        pullback(y, (True, False))
