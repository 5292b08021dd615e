"""The few types that every room shares, and the way from an array to its library."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

Array: TypeAlias = Any
"""An array of any library that the Python array API describes: NumPy, CuPy, PyTorch, JAX, ..."""

Namespace: TypeAlias = Any
"""The array API functions of one library, `xp` by convention."""

Shape: TypeAlias = tuple[int, ...]

Params: TypeAlias = dict[str, Any]
"""Arrays by name; a container nests the dictionaries of its children under their names."""


class Pullback(Protocol):
    """The backward half of an op: from the cotangent of its output to those of its inputs.

    One entry per array argument, in order: None for an argument that is None, an integer array, or
    not wanted.
    """

    def __call__(
        self, dy: Array, wants: Sequence[bool] | None = None, /
    ) -> tuple[Array | None, ...]: ...


def namespace(x: Array) -> Namespace:
    """Return the array API namespace of `x`.

    Asks the array first; array-api-compat serves only the libraries whose arrays cannot say
    (PyTorch, CuPy), so that a step on NumPy never imports `array_api_compat.numpy` (over 100 ms).
    """
    try:
        return x.__array_namespace__()
    except AttributeError:
        from array_api_compat import array_namespace

        return array_namespace(x)


def one_hot(labels: Array, outputs: int, dtype: Any) -> Array:
    """Return labels, whole numbers (n,), as probabilities (n, outputs): 1 for the class, else 0.

    A single output is the probability of class 1.
    """
    xp = namespace(labels)
    column = xp.reshape(labels, (-1, 1))
    if outputs == 1:
        return xp.astype(column, dtype)
    classes = xp.arange(outputs, dtype=labels.dtype, device=labels.device)
    return xp.astype(column == classes, dtype)


def flatten(tree: Params, prefix: str = "") -> dict[str, Array]:
    """Return the arrays of nested dictionaries by dotted path, in order."""
    flat: dict[str, Array] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def unflatten_like(tree: Params, flat: dict[str, Array], prefix: str = "") -> Params:
    """Return `tree` with its arrays replaced by those of `flat`, the inverse of `flatten`."""
    return {
        name: unflatten_like(value, flat, f"{prefix}{name}.")
        if isinstance(value, dict)
        else flat[prefix + name]
        for name, value in tree.items()
    }


def map_tree(tree: Params, f: Callable[[Array], Array]) -> Params:
    """Return nested dictionaries with f applied to every array."""
    return {
        name: map_tree(value, f) if isinstance(value, dict) else f(value)
        for name, value in tree.items()
    }
