"""The types that all modules share, trees of arrays, and the namespace of an array.

An op, a layer and a loss each return their output and a pullback: a function from dy, the gradient
of the loss with respect to the output, to the gradients with respect to the inputs. The three
signatures differ because the inputs do. An op has arrays in order, each wanted or not: `Pullback`.
A layer has x and a dictionary of parameters, whose gradients are always wanted: `LayerPullback`. A
loss has the scores alone, as labels are data: `LossPullback`.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal, Protocol, TypeAlias

Array: TypeAlias = Any
"""An array of any library that the Python array API describes: NumPy, CuPy, PyTorch, JAX, ..."""

Namespace: TypeAlias = Any
"""The array API functions of one library, `xp` by convention."""

Shape: TypeAlias = tuple[int, ...]

TaskName: TypeAlias = Literal["classification", "multi-label", "regression"]
"""What the targets of samples are: one class, several labels, or numbers; see `xpcnn.tasks`."""

Params: TypeAlias = dict[str, Any]
"""Arrays by name; a container nests the dictionaries of its children under their names."""


class Pullback(Protocol):
    """The backward half of an op: `pullback(dy, wants=None) -> (dx, dw, ...)`.

    dy: gradient of the loss with respect to the output, in the output's shape and dtype.
    wants: one switch per array argument of the op, in order; None for all. A kernel skips the work
        for gradients that are not wanted.

    Returns one gradient per array argument, in order, in its shape and dtype: None for an argument
    that is None, an integer array, or not wanted. It may be called again and writes into no array.
    It may hold what the op took and returned: nobody writes into those arrays before it is called.
    """

    def __call__(
        self, dy: Array, wants: Sequence[bool] | None = None, /
    ) -> tuple[Array | None, ...]: ...


class LayerPullback(Protocol):
    """The backward half of a layer: `pullback(dy, want_dx=True) -> (dx, grads)`.

    dy: gradient of the loss with respect to the output, in the output's shape and dtype.
    want_dx: False where nothing before the layer has parameters; dx may then be None.

    Returns the gradient of x and a dictionary of gradients, named and shaped like the parameters.
    """

    def __call__(self, dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]: ...


LossPullback: TypeAlias = Callable[[Array], Array]
"""The backward half of a loss: `pullback(dloss) -> dscores`; dloss is a 0-d array, usually 1."""


def namespace(x: Array) -> Namespace:
    """Return the array API functions of the library of the array `x`.

    Asks the array first. array-api-compat is used only for arrays without `__array_namespace__`
    (PyTorch, CuPy), so that a step on NumPy never imports `array_api_compat.numpy` (over 100 ms).
    """
    try:
        return x.__array_namespace__()
    except AttributeError:
        from array_api_compat import array_namespace

        return array_namespace(x)


def device(x: Array) -> Any:
    """Return the device of an array x; None inside `jax.jit`, where arrays have none."""
    return getattr(x, "device", None)


def is_half(dtype: Any) -> bool:
    """Whether a dtype of any library is one of half precision: float16 or bfloat16."""
    library: Any = type(dtype)
    return _is_half(library, dtype)


@cache
def _is_half(library: Any, dtype: Any) -> bool:
    """As `is_half`. The type comes first: dtypes of two libraries warn when they are compared."""
    return str(dtype).rpartition(".")[2] in ("float16", "bfloat16")


def flatten(tree: Params, prefix: str = "") -> dict[str, Array]:
    """Return the arrays of nested dictionaries by dotted path, in order.

    tree: nested dictionaries of arrays.
    prefix: what every path begins with.
    """
    flat: dict[str, Array] = {}
    for name, value in tree.items():
        if not isinstance(value, dict):
            flat[prefix + name] = value
        elif value:  # many layers have no parameters
            flat |= flatten(value, f"{prefix}{name}.")
    return flat


def unflatten_like(tree: Params, flat: dict[str, Array], prefix: str = "") -> Params:
    """Return `tree` with its arrays replaced by those of `flat`: the inverse of `flatten`.

    prefix: what the paths in `flat` begin with.
    """
    return {
        name: unflatten_like(value, flat, f"{prefix}{name}.")
        if isinstance(value, dict)
        else flat[prefix + name]
        for name, value in tree.items()
    }


def map_tree(tree: Params, f: Callable[[Array], Array]) -> Params:
    """Return the nested dictionaries `tree` with f applied to every array."""
    return {
        name: map_tree(value, f) if isinstance(value, dict) else f(value)
        for name, value in tree.items()
    }
