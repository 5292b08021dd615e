"""What an augmentation returns, checked where it is called: it may be the user's own."""

from collections.abc import Mapping
from typing import Any

import numpy

from xpcnn.data.augment.base import Augmentation, Host
from xpcnn.errors import ConfigError, DTypeError, ShapeError, hint
from xpcnn.options import is_whole, shown
from xpcnn.types import Array


def check_draws(item: Augmentation, draws: Any) -> None:
    """Require a whole number of at least 1 for each argument, at least one.

    Raises:
        ConfigError: `draws` is anything else.
    """
    is_right = isinstance(draws, Mapping) and all(is_whole(n) and n >= 1 for n in draws.values())
    if not is_right or not draws:
        message = f"{type(item).__name__}: draws is {shown(draws)}, expected counts by argument"
        raise ConfigError(hint(message, 'draws = {"angle": 1}, one uniform for each sample'))


def as_parameters(item: Augmentation, found: Any, samples: int) -> Host:
    """Return what `PerSample.parameters` returned.

    Raises:
        ShapeError: it is not an array (samples, k).
    """
    if not isinstance(found, numpy.ndarray) or found.ndim != 2 or len(found) != samples:
        gave = f"the shape {found.shape}" if isinstance(found, numpy.ndarray) else shown(found)
        message = f"{type(item).__name__}: parameters returned {gave}, expected ({samples}, k)"
        raise ShapeError(hint(message, "a row of k numbers for each sample, such as 2.0 * u"))
    return found


def as_samples(item: Augmentation, found: Any, x: Array) -> Array:
    """Return what `Augmentation.apply` returned for samples x.

    Raises:
        ShapeError, DTypeError: it has another shape or dtype than x.
    """
    name = type(item).__name__
    if getattr(found, "shape", None) != x.shape:
        shape = getattr(found, "shape", None)
        gave = shown(found) if shape is None else f"the shape {tuple(shape)}"
        message = f"{name}: apply returned {gave}, expected {tuple(x.shape)}"
        raise ShapeError(hint(message, "samples of the size that x has"))
    if found.dtype != x.dtype:
        message = f"{name}: apply returned {found.dtype}, expected {x.dtype}"
        raise DTypeError(hint(message, "Python numbers as constants, not NumPy's float64"))
    return found
