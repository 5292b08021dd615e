"""The arguments of `Model` and `Network`, checked in one place."""

import math
from typing import Any

from xpcnn import losses
from xpcnn.errors import ConfigError, ShapeError, hint
from xpcnn.losses import Loss
from xpcnn.options import is_whole, shown, whole
from xpcnn.types import Shape


def as_loss(loss: Any) -> Loss:
    """Return a loss: by its name, the object itself, or SoftmaxCrossEntropy for None.

    Raises:
        ConfigError: it is anything else.
    """
    if isinstance(loss, str):
        return losses.make(loss)
    made: Loss = losses.SoftmaxCrossEntropy() if loss is None else loss
    missing = [name for name in ("__call__", "probabilities", "decide") if not hasattr(made, name)]
    if isinstance(made, type) or missing == ["__call__", "probabilities", "decide"]:
        message = f"loss is {shown(loss)}, expected a name or an object"
        names = ", ".join(map(repr, losses.BY_NAME))
        raise ConfigError(hint(message, f"a name ({names}), or an object such as losses.MSE()"))
    if missing:
        message = f"loss is {shown(loss)}, which has no method {missing[0]!r}"
        raise ConfigError(hint(message, "the three methods of xpcnn.losses.Loss"))
    return made


def as_input_shape(shape: Any) -> Shape:
    """Return the shape of one sample as a tuple of whole numbers.

    Raises:
        ShapeError: it is anything else.
    """
    sizes = tuple(shape) if isinstance(shape, list | tuple) else ()
    if len(sizes) not in (1, 3) or not all(is_whole(n) and n > 0 for n in sizes):
        expected = "(channels, height, width) or (features,)"
        message = f"input_shape is {shown(shape)}, expected {expected}"
        likely = {0: f"input_shape=({shown(shape)},)", 2: f"input_shape={(1, *sizes)}, if grey"}
        known = is_whole(shape) or len(sizes) == 2
        advice = likely[len(sizes)] if known else "input_shape=train.shape"
        raise ShapeError(hint(message, advice))
    return tuple(int(n) for n in sizes)


def as_classes(classes: Any, least: int = 2) -> tuple[str, ...]:
    """Return the names of classes as a tuple, `least` or more.

    Raises:
        ConfigError: `classes` is not a list of different texts.
    """
    names = tuple(classes) if isinstance(classes, list | tuple) else ()
    if len(names) < least or not all(isinstance(name, str) for name in names):
        count, example = ("one name", '["x"]') if least == 1 else ("two names", '["cat", "dog"]')
        message = f"classes is {shown(classes)}, expected a list of {count} or more"
        raise ConfigError(hint(message, f"classes={example}"))
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ConfigError(hint(f"classes has {twice[0]!r} twice", "another name for each class"))
    return names


def check_seed(seed: Any) -> int:
    """Return a seed as it is: a whole number.

    Raises:
        ConfigError: it is anything else.
    """
    return whole("", "seed", seed, -math.inf, "seed=0")


DTYPES = ("float32", "float64", "float16", "bfloat16")
"""The dtypes that a network may compute in."""

_ALIASES = {
    "fp16": "float16",
    "half": "float16",
    "fp32": "float32",
    "single": "float32",
    "bf16": "bfloat16",
    "fp64": "float64",
    "double": "float64",
}
"""Other names of dtypes, for advice."""


def check_dtype(dtype: Any) -> str:
    """Return the dtype that a network computes in, one of `DTYPES`.

    Raises:
        ConfigError: it is anything else.
    """
    if dtype not in DTYPES:
        names = ", ".join(map(repr, DTYPES[:-1]))
        message = f"dtype is {dtype!r}, expected {names} or {DTYPES[-1]!r}"
        name = getattr(dtype, "__name__", str(dtype)).rpartition(".")[2]  # numpy.float64
        name = _ALIASES.get(name, name)
        raise ConfigError(hint(message, f'dtype="{name if name in DTYPES else "float32"}"'))
    return str(dtype)


def dtype_of_arrays(dtype: str) -> str:
    """Return the dtype of the parameters of a network that computes in `dtype`."""
    return dtype if dtype == "float64" else "float32"
