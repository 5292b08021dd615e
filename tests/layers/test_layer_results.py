"""Layers of the user's own that return something else than a layer does: rejected in words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import pytest

from xpcnn import Model
from xpcnn.errors import ConfigError, DTypeError, ShapeError
from xpcnn.initializers import Constant
from xpcnn.layers import Dense

FLOAT64 = numpy.float64(1.0)
X = numpy.linspace(0.0, 1.0, 12, dtype="float32").reshape(4, 3)


@dataclass(frozen=True)
class Scale:
    """y = a x with one learnt a for each feature, and what a test puts in place of a result."""

    init_as: Callable[[Any], Any] = lambda found: found
    forward_as: Callable[[Any], Any] = lambda found: found
    back_as: Callable[[Any, Any], Any] = lambda dx, da: (dx, {"a": da})

    def init(self, shape: Any, draw: Any) -> Any:
        return self.init_as(({"a": draw("a", Constant(1.0), shape)}, {}, shape))

    def forward(self, params: Any, buffers: Any, x: Any, ctx: Any) -> Any:
        def pullback(dy: Any, want_dx: bool = True) -> Any:
            return self.back_as(dy * params["a"] if want_dx else None, (dy * x).sum(axis=0))

        return self.forward_as((x * params["a"], {}, pullback))


def fit(layer: Any) -> None:
    Model([Dense(3), layer, Dense(2)], input_shape=(3,)).fit(X, numpy.arange(4) % 2, epochs=1)


def back_of_dy_alone(dy: Any) -> Any:
    raise AssertionError(dy)


AT = r"layers\.1 \(Scale\): the pullback returned "
WRONG: list[tuple[Any, type[Exception], str]] = [
    (Scale(init_as=lambda found: found[2]), ConfigError, "^init returned .*, expected .params, "),
    (Scale(init_as=lambda found: (*found[:2], 3)), ConfigError, "^init returned .* out_shape"),
    (Scale(forward_as=lambda found: found[0]), ConfigError, "^forward returned a ndarray, expect"),
    (Scale(forward_as=lambda found: found[::2]), ConfigError, "^forward returned a tuple, expect"),
    (
        Scale(forward_as=lambda found: (*found[:2], None)),
        ConfigError,
        "^forward returned None for ",
    ),
    (
        Scale(forward_as=lambda found: (*found[:2], back_of_dy_alone)),
        ConfigError,
        r"^layers\.1 .Scale.: the pullback takes .dy: Any. -> Any, expected .dy, want_dx=True.",
    ),
    (
        Scale(forward_as=lambda found: (found[0], {"seen": X}, found[2])),
        ConfigError,
        r"^forward returned the buffers \['seen'\], and init \[\]\nat layers\.1 .*\nTry: the same",
    ),
    (
        Scale(
            init_as=lambda found: (found[0], {"m": X[0]}, found[2]),
            forward_as=lambda found: (found[0], {"m": X[0] * FLOAT64}, found[2]),
        ),
        ConfigError,
        r"^forward returned the buffer 'm' as \(3,\) float64, expected \(3,\) float32\n",
    ),
    (Scale(back_as=lambda dx, da: dx), ConfigError, f"^{AT}a ndarray, expected .dx, gradients."),
    (Scale(back_as=lambda dx, da: (dx, da)), ConfigError, f"^{AT}a tuple, expected .dx, gradie"),
    (Scale(back_as=lambda dx, da: (dx, {})), ShapeError, f"^{AT}None for the gradient of 'a'"),
    (Scale(back_as=lambda dx, da: (dx, {"a": da[:1]})), ShapeError, rf"^{AT}the shape \(1,\) for "),
    (Scale(back_as=lambda dx, da: (dx[:1], {"a": da})), ShapeError, rf"^{AT}.* for dx, .*\(4, 3\)"),
    # at half the speed, if it were taken
    (Scale(back_as=lambda dx, da: (dx * FLOAT64, {"a": da})), DTypeError, f"^{AT}float64 for dx, "),
    (
        Scale(back_as=lambda dx, da: (dx, {"a": da * FLOAT64})),
        DTypeError,
        f"^{AT}float64 for the gradient of 'a', expected float32\nTry: Python numbers",
    ),
]


def test_the_layer_itself_is_right() -> None:
    fit(Scale())


@pytest.mark.parametrize(("layer", "kind", "message"), WRONG)
def test_a_wrong_result_is_named(layer: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        fit(layer)


def test_an_exception_in_a_pullback_is_noted_with_the_layer() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        fit(Scale(back_as=lambda dx, da: 1 // 0))
    assert caught.value.__notes__ == ["in the pullback of layers.1 (Scale)"]
