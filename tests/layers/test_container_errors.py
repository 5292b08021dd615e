"""What does not fit into or through a container: its place and its shapes are told."""

from dataclasses import dataclass
from typing import Any

import numpy
import pytest

from tests.lib import Lib
from xpcnn.errors import ConfigError, ShapeError
from xpcnn.initializers import Draw
from xpcnn.layers import (
    Concat,
    Context,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    Multiply,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.types import Array, Params, map_tree


def test_errors_tell_the_place_and_the_shapes_up_to_it() -> None:
    inner = Sequential([ReLU(), Residual(Sequential([Conv2D(4, 3), Conv2D(4, 9)]))])
    with pytest.raises(ShapeError) as caught:
        inner.init((2, 8, 8), Draw(0))
    assert str(caught.value) == (
        "Conv2D: a window of 9 x 9 does not fit into an image of 6 x 6 (h x w, padding included)\n"
        "at layers.1.body.layers.1 (Conv2D): (2, 8, 8) -> Conv2D (4, 6, 6)\n"
        "at layers.1.body (Sequential): (2, 8, 8)\n"
        "at layers.1 (Residual): (2, 8, 8) -> ReLU (2, 8, 8)\n"
        "Try: a smaller size or dilation, more padding, or fewer layers that shrink the image"
    )


@dataclass(frozen=True)
class Broken(ReLU):
    """A layer of somebody's own, with a mistake in it."""

    def forward(self, params: Params, buffers: Params, x: Array, ctx: Context) -> Any:
        return x + numpy.zeros(5), {}, None


def test_an_error_of_another_family_gets_its_place_as_a_note() -> None:
    network = Sequential([Flatten(), Residual(Broken())])
    empty: Params = {"layers.0": {}, "layers.1": {"body": {}}}
    with pytest.raises(ValueError, match="could not be broadcast together") as caught:
        network.forward(empty, empty, numpy.zeros((2, 3, 4)), Context())
    assert caught.value.__notes__ == [
        "at layers.1.body (Broken): (2, 12)",
        "at layers.1 (Residual): (2, 3, 4) -> Flatten (2, 12)",
    ]


def test_ways_that_do_not_fit_together() -> None:
    with pytest.raises(ShapeError) as caught:
        Residual(Conv2D(4, 3)).init((2, 8, 8), Draw(0))
    assert str(caught.value) == (
        "Residual: the body makes (4, 6, 6) and the shortcut (2, 8, 8), which cannot be added\n"
        'Try: shortcut=Conv2D(filters, 1, stride=...), or padding="same" in the body'
    )
    for body in (Conv2D(2, 3), Sequential([GlobalAvgPool2D(), Dense(4)])):
        with pytest.raises(ShapeError) as caught:
            Multiply(body).init((2, 8, 8), Draw(0))
        made = "(4,)" if isinstance(body, Sequential) else "(2, 6, 6)"
        assert str(caught.value) == (
            f"Multiply: the body makes {made}, which cannot be broadcast to (2, 8, 8)\n"
            "Try: a body that makes one number per channel, or an image of the same size"
        )
    with pytest.raises(ShapeError) as caught:
        Concat([Conv2D(4, 3), ReLU()]).init((2, 8, 8), Draw(0))
    assert str(caught.value) == (
        "Concat: the branches make (4, 6, 6), (2, 8, 8), which differ in more than the channels\n"
        'Try: padding="same" and one stride in all branches'
    )


def test_ways_that_fit_at_init_and_not_for_other_images(lib: Lib) -> None:
    """Images of another size than `init` was told: half of 7 is 3 or 4."""
    half, pool = Conv2D(2, 1, stride=2), MaxPool2D(2)
    x = lib.asarray(numpy.zeros((5, 2, 7, 7), "float32"))
    for container, text in (
        (
            Residual(half, pool),
            "Residual: the body makes (5, 2, 4, 4) and the shortcut (5, 2, 3, 3), which cannot be "
            "added\nat layers.0 (Residual): (5, 2, 7, 7)\nTry: shortcut=Conv2D(filters, 1, "
            'stride=...), or padding="same" in the body',
        ),
        (
            Multiply(half, pool),
            "Multiply: the body makes (5, 2, 4, 4), which cannot be broadcast to (5, 2, 3, 3)\n"
            "at layers.0 (Multiply): (5, 2, 7, 7)\n"
            "Try: a body that makes one number per channel, or an image of the same size",
        ),
        (
            Concat([half, pool]),
            "Concat: the branches make (5, 2, 4, 4), (5, 2, 3, 3), which differ in more than the "
            "channels\nat layers.0 (Concat): (5, 2, 7, 7)\n"
            'Try: padding="same" and one stride in all branches',
        ),
    ):
        network = Sequential([container])
        params, buffers, _ = network.init((2, 8, 8), Draw(0))
        with pytest.raises(ShapeError) as caught:
            network.forward(map_tree(params, lib.asarray), buffers, x, Context())
        assert str(caught.value) == text


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            lambda: Sequential([]),
            "Sequential: no layers\n"
            "Try: Sequential([...]), at least one; Identity() leaves its input as it is",
        ),
        (
            lambda: Concat([None, ReLU()]),  # type: ignore[list-item]
            "Concat: None is not a layer, an object with init and forward\n"
            "Try: Identity(), which leaves its input as it is",
        ),
        (
            lambda: Residual("relu"),  # type: ignore[arg-type]  # on purpose
            "Residual: 'relu' is not a layer, an object with init and forward\n"
            "Try: an object, such as ReLU() or Dense(10)",
        ),
    ],
)
def test_what_is_no_layer(build: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build()
    assert str(caught.value) == text


def test_lists_become_tuples() -> None:
    layers: list[Layer] = [ReLU()]
    network = Sequential(layers)
    layers.append(Flatten())
    assert network == Sequential((ReLU(),))
    assert hash(network) == hash(Sequential([ReLU()]))
