"""What `print(network)` shows."""

import numpy
import pytest

from xpcnn import layers
from xpcnn.layers import (
    Activation,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Flatten,
    Identity,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.models import names, preset

NETWORK = Sequential(
    [
        Conv2D(4, 3, padding="same"),
        Residual(Sequential([BatchNorm(), ReLU()]), Conv2D(4, 1)),
        Concat([Identity(), Sequential([Conv2D(2, 1)], fuse=False)]),
        Residual(Conv2D(6, 1)),
        Flatten(),
        Dense(10, bias=False),
    ]
)
TEXT = """\
Sequential([
    Conv2D(filters=4, size=3, padding='same'),
    Residual(
        body=Sequential([
            BatchNorm(),
            ReLU(),
        ]),
        shortcut=Conv2D(filters=4, size=1),
    ),
    Concat([
        Identity(),
        Sequential(
            layers=[
                Conv2D(filters=2, size=1),
            ],
            fuse=False,
        ),
    ]),
    Residual(body=Conv2D(filters=6, size=1)),
    Flatten(),
    Dense(units=10, bias=False),
])"""


def test_a_network_is_printed_layer_by_layer() -> None:
    assert str(NETWORK) == TEXT
    assert "\n" not in repr(NETWORK)  # which checkpoints of before have, too


def test_a_notebook_shows_what_print_shows() -> None:
    shown: list[str] = []

    class Printer:
        text = staticmethod(shown.append)

    NETWORK._repr_pretty_(Printer(), False)
    assert shown == [TEXT]


@pytest.mark.parametrize("name", names())
def test_what_is_printed_makes_the_network(name: str) -> None:
    network = preset(name).layers
    every = {**vars(layers), **vars(__import__("xpcnn").initializers)}
    assert eval(str(network), every) == network


def test_a_layer_that_is_printed_by_a_function() -> None:
    assert str(Sequential([Activation(numpy.sin, numpy.cos)])).splitlines()[1:] == [
        "    Activation(f=<ufunc 'sin'>, df=<ufunc 'cos'>),",
        "])",
    ]
