"""Views of a sample, such as its mirror image, for predictions that are means over views."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from xpcnn.errors import ConfigError, ShapeError, hint, nearest
from xpcnn.types import Array, namespace

View: TypeAlias = Callable[[Array], Array]


def identity(x: Array) -> Array:
    """Return the samples as they are."""
    return x


def flip(x: Array) -> Array:
    """Return the samples (n, c, h, w) mirrored left to right."""
    _check_images("flip", x)
    return namespace(x).flip(x, axis=3)


def up_left(x: Array) -> Array:
    """Return the samples (n, c, h, w) moved by a pixel; the last row and column are repeated."""
    _check_images("up-left", x)
    concat = namespace(x).concat
    x = concat([x[:, :, 1:, :], x[:, :, -1:, :]], axis=2)
    return concat([x[..., 1:], x[..., -1:]], axis=3)


def down_right(x: Array) -> Array:
    """Return the samples (n, c, h, w) moved by a pixel; the first row and column are repeated."""
    _check_images("down-right", x)
    concat = namespace(x).concat
    x = concat([x[:, :, :1, :], x[:, :, :-1, :]], axis=2)
    return concat([x[..., :1], x[..., :-1]], axis=3)


VIEWS: Mapping[str, View] = {
    "identity": identity,
    "flip": flip,
    "up-left": up_left,
    "down-right": down_right,
    "flip-up-left": lambda x: flip(up_left(x)),
    "flip-down-right": lambda x: flip(down_right(x)),
}


def views_of(names: Sequence[str]) -> list[View]:
    """Return the views of these names, functions of samples (n, c, h, w).

    names: a list of names in `VIEWS`, at least one.

    Raises:
        ConfigError: there is no such view, or none is given.
    """
    if not names or isinstance(names, str):
        got = f"the text {names!r}" if names else "empty"
        message = f"views is {got}, expected a list of names"
        raise ConfigError(hint(message, 'views=("identity", "flip")'))
    for name in names:
        if name not in VIEWS:
            raise ConfigError(hint(f"unknown view {name!r}", nearest(name, VIEWS)))
    return [VIEWS[name] for name in names]


def _check_images(view: str, x: Array) -> None:
    """Require samples (n, c, h, w)."""
    if x.ndim != 4:
        shape = tuple(x.shape[1:])
        message = f"view {view!r}: samples have shape {shape}, expected images (c, h, w)"
        raise ShapeError(hint(message, 'views=("identity",)'))
