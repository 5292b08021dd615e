"""What the gradient checker says of layers of another form, and of arguments."""

from typing import Any

import numpy
import pytest

from xpcnn import ops
from xpcnn.errors import ConfigError, ShapeError
from xpcnn.initializers import Draw
from xpcnn.layers import Context, Dense, Sequential
from xpcnn.testing import GradientError, check_gradients
from xpcnn.types import Array, Params, Shape


class Bare:
    """A layer whose methods return what a test gives it."""

    def __init__(self, init: Any, forward: Any = None) -> None:
        self.made, self.returned = init, forward

    def init(self, shape: Shape, draw: Draw) -> Any:
        return self.made

    def forward(self, params: Params, buffers: Params, x: Array, ctx: Context) -> Any:
        return self.returned(x)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (
            Bare,
            f"{Bare!r} is not a layer, an object with init and forward\n"
            "Try: an instance of the class",
        ),
        (
            Bare({}),
            "Bare: init must return (params, buffers, out_shape), got a dict\n"
            "Try: return (params, buffers, out_shape)",
        ),
        (
            Bare(({}, {}, (3,)), lambda x: x),
            "Bare in training mode (seed 0): forward must return (y, buffers, pullback), "
            "got a ndarray\n"
            "Try: return (y, buffers, pullback)",
        ),
        (
            Bare(({}, {}, (3,)), lambda x: (x, {}, None)),
            "Bare in training mode (seed 0): the pullback is None, expected a function\n"
            "Try: def pullback(dy, want_dx=True): return dx, {}",
        ),
        (
            Bare(({}, {}, (3,)), lambda x: (x, {}, lambda dy, want_dx=True: dy)),
            "Bare in training mode (seed 0): the pullback must return (dx, gradients by name), "
            "got a ndarray\n"
            "Try: return (dx, gradients by name)",
        ),
        (
            Bare(({}, {}, (3,)), lambda x: (x, {}, lambda dy, want_dx=True: (dy, dy))),
            "Bare in training mode (seed 0): the pullback must return gradients by name, "
            "got a ndarray\n"
            'Try: return dx, {"weight": dw}; without parameters: dx, {}',
        ),
    ],
)
def test_a_layer_of_another_form_is_told_which_is_meant(layer: Any, text: str) -> None:
    with pytest.raises(GradientError) as caught:
        check_gradients(layer, (3,))
    assert str(caught.value) == text


def test_shape_and_batch_are_checked() -> None:
    for shape in (5, (3, 0), (2.0,), "33"):
        with pytest.raises(ShapeError, match="expected the sizes of one sample\nTry: "):
            check_gradients(Dense(3), shape)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="batch"):
        check_gradients(Dense(3), (3,), batch=0)
    with pytest.raises(GradientError, match=r"Try: .* check_pullback.op, x, .* checks an op"):
        check_gradients(ops.relu, (3,))  # type: ignore[arg-type]


def test_a_layer_that_draws_by_itself_is_told() -> None:
    class Drawn(Bare):
        def init(self, shape: Shape, draw: Draw) -> Any:
            return {"w": numpy.random.default_rng().normal(size=3)}, {}, shape

    with pytest.raises(GradientError, match=r"^Drawn: init returns other parameters each time"):
        check_gradients(Drawn(None), (3,))


def test_methods_with_other_arguments_are_told() -> None:
    class Short:
        def init(self, shape: Shape, draw: Draw) -> Any:
            return {}, {}, shape

        def forward(self, x: Array) -> Any:
            return x, {}, None

    text = (
        r"^Short\.forward takes \(x: Any\) -> Any, expected \(params, buffers, x, ctx\)\nTry: def"
    )
    for use in (lambda layer: check_gradients(layer, (3,)), lambda layer: Sequential([layer])):
        with pytest.raises(ConfigError, match=text):
            use(Short())
