"""The sizes of a network, computed without drawing or storing parameters."""

import math
from typing import NamedTuple

import numpy

from xpcnn.errors import ConfigError, ShapeError, hint
from xpcnn.initializers import Draw, Host, Initializer
from xpcnn.layers import Layer
from xpcnn.memory_limits import gigabytes, host_memory
from xpcnn.types import Shape, flatten

SMALLER = "fewer units or filters, smaller samples, or pooling before the first dense layer"
"""Advice on networks of too many parameters."""


class Sizes(NamedTuple):
    """Shapes of parameters and buffers by path, and of the output for one sample."""

    params: dict[str, Shape]
    buffers: dict[str, Shape]
    output: Shape


class _NoDraw(Draw):
    """Returns arrays of the right shape that take no memory, in place of a Draw."""

    def at(self, name: str) -> "_NoDraw":
        return _NoDraw(self.seed, self._join(name))

    def __call__(self, name: str, initializer: Initializer, shape: Shape) -> Host:
        try:
            return numpy.broadcast_to(numpy.float32(0), shape)
        except (ValueError, OverflowError) as error:  # more elements than an address space has
            message = f"{self._join(name)} of shape {shape}: {error}"
            raise ShapeError(hint(message, "smaller layers or samples")) from error


def sizes_of(layer: Layer, input_shape: Shape) -> Sizes:
    """Return the sizes of a network on samples of `input_shape`.

    Raises:
        ShapeError: the network does not fit the samples; the message has the shapes before.
    """
    params, buffers, output = layer.init(input_shape, _NoDraw(0))
    return Sizes(
        {path: tuple(x.shape) for path, x in flatten(params).items()},
        {path: tuple(x.shape) for path, x in flatten(buffers).items()},
        output,
    )


def check_weights_fit(layer: Layer, input_shape: Shape) -> None:
    """Require that the parameters of a network can be drawn in the memory of the host.

    They are kept as float32; one array at a time is drawn as float64.

    Raises:
        ConfigError: they need more memory; names the largest.
        ShapeError: see `sizes_of`.
    """
    shapes = sizes_of(layer, input_shape).params
    numbers = {path: math.prod(shape) for path, shape in shapes.items()}
    count, total = sum(numbers.values()), host_memory()
    largest = max(numbers, key=lambda path: numbers[path], default=None)
    if total is None or largest is None or (needed := 4 * count + 8 * numbers[largest]) <= total:
        return
    message = f"the network has {count:,} parameters ({largest} has {numbers[largest]:,} of them, "
    message += f"shape {shapes[largest]}): to draw them takes {gigabytes(needed)} of memory, and "
    message += f"there are {gigabytes(total)}"
    raise ConfigError(hint(message, SMALLER))
