"""The sizes of a network, computed without drawing or storing parameters."""

from typing import NamedTuple

import numpy

from xpcnn.errors import ShapeError, hint
from xpcnn.initializers import Draw, Host, Initializer
from xpcnn.layers import Layer
from xpcnn.types import Shape, flatten


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
