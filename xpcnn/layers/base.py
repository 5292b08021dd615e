"""What a layer is: a frozen description of itself, two methods, no state.

`init(shape, draw)` takes the shape of one sample and returns (params, buffers, out_shape); the
arrays are drawn on the host, one named stream each, so that sizes are never computed by hand and a
seed gives the same weights on every backend.

`forward(params, buffers, x, ctx)` returns (y, buffers, pullback); `pullback(dy, want_dx=True)`
returns (dx or None, grads), gradients named and shaped like the parameters. Nothing is stored on
the layer: it may stand in a network twice. Buffers (running statistics) are returned, never
written.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from xpcnn.errors import ConfigError, XpcnnError, hint
from xpcnn.initializers import Draw
from xpcnn.types import Array, Params, Pullback, Shape

LayerPullback: TypeAlias = Callable[..., tuple[Array | None, Params]]
"""pullback(dy, want_dx=True) -> (dx | None, grads)"""


class Context(NamedTuple):
    """What a forward pass knows beside its input.

    training: whether batch norm normalises by the batch and dropout drops.
    grad: whether the pullback will be called; if not, containers drop each one at once.
    step: number of the training forward pass, for random numbers.
    source: (path, step, shape) -> uniforms in [0, 1), float32, on the device.
    path: dotted path of the layer.
    frozen: paths of the layers whose running statistics stay as they are and are used in training.
    """

    training: bool = False
    grad: bool = False
    step: int = 0
    source: Callable[[str, int, Shape], Array] | None = None
    path: str = ""
    frozen: frozenset[str] = frozenset()

    def at(self, name: str) -> "Context":
        """Return the context of a child."""
        path = f"{self.path}.{name}" if self.path else name
        return Context(self.training, self.grad, self.step, self.source, path, self.frozen)

    @property
    def by_batch(self) -> bool:
        """Whether the layer normalises by the statistics of the batch: in training, not frozen."""
        return self.training and self.path not in self.frozen

    def uniform(self, shape: Shape) -> Array:
        """Draw uniforms in [0, 1) that depend on seed, path and step alone."""
        if self.source is None:
            message = f"{self.path}: a random draw needs a Context with a source"
            advice = "Context(source=...), a function (path, step, shape) -> uniforms"
            raise XpcnnError(hint(message, advice))
        return self.source(self.path, self.step, shape)


@runtime_checkable
class Layer(Protocol):
    """Anything with these two methods can stand in a network."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]: ...

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]: ...


def check_importable(thing: Any, what: str) -> None:
    """Require a class or function that pickle can keep: by its import path, never its code.

    Raises:
        ConfigError: it was made inside a function, or is a lambda.
    """
    name = getattr(thing, "__qualname__", "")
    if "<" in name or not name:
        message = f"{what} cannot be pickled: pickle keeps import paths, and it has none"
        raise ConfigError(hint(message, "define it by name at the top level of a module"))


def without_parameters(y: Array, pullback: Pullback) -> tuple[Array, Params, LayerPullback]:
    """Return what `forward` of a layer without parameters returns, from what its op returned."""

    def layer_pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
        return (pullback(dy)[0] if want_dx else None), {}

    return y, {}, layer_pullback


def no_gradient(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
    """Stand for the pullback of a container that ran without gradients."""
    raise XpcnnError(
        hint(
            "the forward pass ran with grad=False and kept nothing to go back with",
            "forward with Context(grad=True)",
        )
    )
