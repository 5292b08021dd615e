"""What `traced` tells of the ops that ran."""

from collections.abc import Callable

import numpy
import pytest

from xpcnn import backend, ops
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
