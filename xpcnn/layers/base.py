"""What a layer is: a frozen dataclass of hyperparameters with two methods and no state.

Nothing is stored on the layer, so a network may contain it twice, with two sets of parameters.
"""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple, Protocol, runtime_checkable

from xpcnn.batch_rows import SharedBatch
from xpcnn.errors import ConfigError, XpcnnError, hint
from xpcnn.initializers import Draw
from xpcnn.types import Array, LayerPullback, Params, Pullback, Shape


class Context(NamedTuple):
    """What a forward pass needs besides its input.

    training: whether batch norm normalises by the statistics of the batch and dropout drops.
    grad: whether the pullback will be called; if not, containers discard each pullback at once.
    forward_pass: number of the forward pass among those of training, from 1, or a 0-d array of
        it; random numbers depend on it.
    source: a function (path, forward_pass, shape) -> uniforms in [0, 1), float32, on the device.
        Where this process has only later rows of the batch, a fourth argument is the row-major
        index at which its numbers begin among those of the whole batch.
    path: dotted path of the layer.
    frozen: paths of the layers that normalise by their running statistics in training too, and
        leave them unchanged.
    first_row: index in the whole batch of the first row of x; above 0 where other processes compute
        the rows before it.
    shared: the batch whose mean and variance batch norm takes together with other processes; None
        for those of x alone.
    on_gradients: gets the gradients of each child of the outermost `Sequential`, with its name,
        as soon as the backward pass has them; None for nobody.
    once: whether the pullback is called once at most; then `Sequential` frees what each layer has
        kept for it as soon as it has been called.
    """

    training: bool = False
    grad: bool = False
    forward_pass: int | Array = 0
    source: Callable[..., Array] | None = None
    path: str = ""
    frozen: frozenset[str] = frozenset()
    first_row: int = 0
    shared: SharedBatch | None = None
    on_gradients: Callable[[str, Params], object] | None = None
    once: bool = False

    def at(self, name: str) -> "Context":
        """Return the context of the child layer called `name`."""
        path = f"{self.path}.{name}" if self.path else name
        return Context(
            self.training,
            self.grad,
            self.forward_pass,
            self.source,
            path,
            self.frozen,
            self.first_row,
            self.shared,
            once=self.once,
        )

    @property
    def by_batch(self) -> bool:
        """Whether the layer normalises by the statistics of the batch: in training, not frozen."""
        return self.training and self.path not in self.frozen

    def uniform(self, shape: Shape) -> Array:
        """Return uniforms in [0, 1), float32.

        They depend only on the seed, the path, the forward pass and the index in the whole batch.

        shape: shape of the result; the first axis is that of the samples.

        Raises:
            XpcnnError: the context has no source.
        """
        if self.source is None:
            message = f"{self.path or 'the layer'}: a random draw needs a Context with a source"
            advice = "Context(source=...), a function (path, forward_pass, shape) -> uniforms, as "
            advice += "lambda path, forward_pass, shape: numpy.random.random(shape)"
            raise XpcnnError(hint(message, advice))
        if self.first_row == 0:
            return self.source(self.path, self.forward_pass, shape)
        first = self.first_row * prod(shape[1:])
        return self.source(self.path, self.forward_pass, shape, first)


@runtime_checkable
class Layer(Protocol):
    """A layer: any object with these two methods can be part of a network."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        """Return the first parameters of the layer: (params, buffers, out_shape).

        shape: shape of one sample, such as (c, h, w).
        draw: `draw(name, initializer, shape)` returns the first values of a parameter, on the host;
            each name has a random stream of its own, so a seed gives the same values everywhere.

        params are learnt, buffers (running statistics) are not; both are dictionaries of float32
        NumPy arrays by name. out_shape is the shape of one sample of the output.
        """
        ...

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        """Compute the output for a batch: (y, buffers, pullback).

        params, buffers: parameters and running statistics, by the names that `init` returned.
        x: a batch (n, *shape), of the dtype of the parameters.
        ctx: whether this is training or inference, and more; see `Context`.

        y (n, *out_shape) has the dtype of x; buffers are the new ones; `pullback(dy,
        want_dx=True)` returns (dx, gradients by parameter name), dx None if it is not wanted; see
        `LayerPullback`. No array is written into.
        """
        ...


def check_importable(thing: Any, what: str) -> None:
    """Require a class or function that pickle can store: one with an import path.

    Raises:
        ConfigError: `thing` was defined inside a function, or is a lambda.
    """
    name = getattr(thing, "__qualname__", "")
    if "<" in name or not name:
        message = f"{what} cannot be pickled: it has no import path, by which pickle would find it"
        raise ConfigError(hint(message, "define it by name at the top level of a module"))


def without_parameters(y: Array, pullback: Pullback) -> tuple[Array, Params, LayerPullback]:
    """Return (y, buffers, pullback) of a layer without parameters from (y, pullback) of its op."""

    def layer_pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
        return (pullback(dy)[0] if want_dx else None), {}

    return y, {}, layer_pullback


def no_gradient(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
    """Raise an error: the pullback of a container that ran without gradients."""
    raise XpcnnError(
        hint(
            "the forward pass ran with grad=False and kept nothing for the backward pass",
            "forward with Context(grad=True)",
        )
    )
