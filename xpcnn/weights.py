"""Weights and normalisation set by users, checked in full before anything is replaced."""

from collections.abc import Mapping
from typing import Any

import numpy

from xpcnn.backend import Backend
from xpcnn.data.labels import check_unmasked
from xpcnn.errors import (
    ConfigError,
    DataError,
    DTypeError,
    ShapeError,
    counted,
    hint,
    kind,
    nearest,
)
from xpcnn.options import FINITE, POSITIVE, number
from xpcnn.types import Array, Params, flatten, unflatten_like


def by_path(params: Params, buffers: Params) -> dict[str, Array]:
    """Return parameters and running statistics by dotted path.

    Raises:
        ConfigError: a layer has a parameter and a statistic of one name.
    """
    own, statistics = flatten(params), flatten(buffers)
    if twice := sorted(own.keys() & statistics.keys()):
        message = f"{twice[0]} is a parameter and a running statistic"
        raise ConfigError(hint(message, "another name for one of them, in the layer"))
    return own | statistics


def replaced(
    params: Params, buffers: Params, given: Any, backend: Backend, dtype: str
) -> tuple[Params, Params]:
    """Return parameters and running statistics, some replaced by path.

    given: {path: array}, arrays of the host or of the backend, in the shapes of those replaced.

    Raises:
        ConfigError, ShapeError, DTypeError, DataError: no mapping, an unknown path, another shape,
            or values that are not finite numbers.
    """
    if not isinstance(given, Mapping):
        message = f"weights are a {type(given).__name__}, expected arrays by path"
        raise ConfigError(hint(message, "model.set_weights({'layers.0.weight': array})"))
    known = by_path(params, buffers)
    new = dict(known)
    for path, value in given.items():
        if path not in known:
            raise ConfigError(hint(f"there is no weight {path!r}", nearest(str(path), known)))
        check_unmasked(value, path, "weights")  # the host's copy has no mask
        x = backend.to_host(value) if isinstance(value, backend.array_type) else value
        new[path] = backend.from_host(_checked(path, x, tuple(known[path].shape), dtype))
    return unflatten_like(params, new), unflatten_like(buffers, new)


def _checked(path: str, value: Any, shape: tuple[int, ...], dtype: str) -> numpy.ndarray:
    """Return a copy of an array in the dtype of the model."""
    if not isinstance(value, numpy.ndarray):
        message = f"{path} is a {kind(value)}, expected an array"
        raise DTypeError(hint(message, "numpy.asarray(...), or an array of the model's backend"))
    if value.dtype.kind not in "fiu":
        message = f"{path} has dtype {value.dtype}, expected real numbers"
        raise DTypeError(hint(message, "array.astype(numpy.float32)"))
    if value.shape != shape:
        message = f"{path} has shape {value.shape}, expected {shape}"
        is_turned = value.ndim == 2 and value.shape[::-1] == shape
        advice = "array.T: here weights of Dense are (inputs, units)"
        raise ShapeError(hint(message, advice if is_turned else f"an array of shape {shape}"))
    with numpy.errstate(over="ignore"):  # rejected as infinite
        x = value.astype(dtype)
    if not numpy.isfinite(x).all():
        message = f"{path} holds NaN or infinity"
        raise DataError(hint(message, "finite numbers, in the range of the model's dtype"))
    return x


def normalisation(
    mean: Any, std: Any, channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation, given for all channels or for each, as tuples.

    Raises:
        ConfigError: a wrong number of values, NaN or infinity, or a deviation that is not above 0.
    """
    checked = []
    for name, value, valid in (("mean", mean, FINITE), ("std", std, POSITIVE)):
        advice = f"{name}=128.0, or one number for each of {counted(channels, 'channel')}"
        one = numpy.ndim(value) == 0
        values = [value] * channels if one else list(value)
        if len(values) != channels:
            message = (
                f"{name} has {counted(len(values), 'number')} for {counted(channels, 'channel')}"
            )
            raise ConfigError(hint(message, advice))
        checked.append(tuple(number("", name, x, valid, advice) for x in values))
    return checked[0], checked[1]
