"""Normalisation, with its checks. Definition: `reference/norm.py`, `reference/sample_norm.py`."""

import math
from collections.abc import Sequence

from xpcnn.errors import ConfigError, ShapeError, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import check_arrays, check_length, check_library, check_rank
from xpcnn.ops.dispatch import op
from xpcnn.ops.hyperparameter_checks import check_groups
from xpcnn.ops.reference.norm import Running
from xpcnn.options import is_whole
from xpcnn.types import Array, is_half


def check_batch_norm(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
    running: Running | None = None,
) -> None:
    mean, var, _ = running or (None, None, 0.0)
    vectors = {"gamma": gamma, "beta": beta, "running mean": mean, "running var": var}
    _check_arrays("batch_norm", x, **vectors)
    _check_channels("batch_norm", x, **vectors)
    if x.shape[0] * math.prod(x.shape[2:]) == 1:
        raise ShapeError(
            hint(
                f"batch_norm: x of shape {tuple(x.shape)} has one value per channel, and the "
                "variance of one value is 0",
                "another batch size, so that the last batch has more than one sample",
            )
        )


def _check_batch_norm_inference(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
) -> None:
    _check_arrays("batch_norm_inference", x, gamma=gamma, beta=beta, mean=mean, var=var)
    _check_channels("batch_norm_inference", x, gamma=gamma, beta=beta, mean=mean, var=var)


def _check_fold_batch_norm(
    w: Array,
    b: Array | None,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
) -> None:
    name = "fold_batch_norm"
    vectors = {"b": b, "gamma": gamma, "beta": beta, "mean": mean, "var": var}
    check_arrays(name, w=w, **vectors)
    check_rank(name, "w", w, "(filters, c/groups, kh, kw)")
    for argument, vector in vectors.items():
        check_length(name, argument, vector, w.shape[0], "one entry per filter")


def _check_arrays(name: str, x: Array, **vectors: Array | None) -> None:
    """Require one dtype; where x is of half precision, vectors may also be of another, float32."""
    if not is_half(x.dtype):
        check_arrays(name, x=x, **vectors)
        return
    check_arrays(name, x=x)
    wide = {k: v for k, v in vectors.items() if v is not None and not is_half(v.dtype)}
    if wide:
        check_arrays(name, **wide)
        check_library(name, "x", x, *next(iter(wide.items())))


def _check_channels(name: str, x: Array, **vectors: Array | None) -> None:
    check_rank(name, "x", x, "(n, c, h, w)", "(n, c)")
    for argument, vector in vectors.items():
        check_length(name, argument, vector, x.shape[1], "one entry per channel")


def _check_layer_norm(
    x: Array, gamma: Array | None, beta: Array | None, *, axes: Sequence[int], eps: float = 1e-5
) -> None:
    check_arrays("layer_norm", x=x, gamma=gamma, beta=beta)
    check_axes("layer_norm", axes, x.ndim)
    lengths = tuple(x.shape[axis] for axis in axes)
    for name, array in (("gamma", gamma), ("beta", beta)):
        if array is not None and tuple(array.shape) != lengths:
            message = f"layer_norm: {name} has shape {tuple(array.shape)}, expected {lengths}"
            advice = f"give {name} the lengths of x along its axes {tuple(axes)}"
            raise ShapeError(hint(message, advice))


def check_axes(owner: str, axes: Sequence[int], ndim: int) -> None:
    """Require axes of the samples in a batch of `ndim` axes, in rising order."""
    check_rising(owner, axes)
    if axes[-1] >= ndim:
        message = f"{owner}: a batch of {ndim} axes has no axis {axes[-1]}"
        raise ConfigError(hint(message, f"axes from 1 to {ndim - 1}"))


def check_rising(owner: str, axes: Sequence[int]) -> None:
    """Require axes from 1 on, in rising order."""
    rising = sorted({axis for axis in axes if is_whole(axis) and axis >= 1})
    if not rising or list(axes) != rising:
        message = f"{owner}: axes is {tuple(axes)}, expected axes from 1 on in rising order"
        raise ConfigError(hint(message, "axes=(1, 2, 3), all of images"))


def _check_group_norm(
    x: Array, gamma: Array | None, beta: Array | None, *, groups: int, eps: float = 1e-5
) -> None:
    check_arrays("group_norm", x=x, gamma=gamma, beta=beta)
    if len(x.shape) < 2:
        message = f"group_norm: x has shape {tuple(x.shape)}, expected (n, c, ...)"
        raise ShapeError(hint(message, "x[None, ...], if this is a single sample"))
    for name, vector in (("gamma", gamma), ("beta", beta)):
        check_length("group_norm", name, vector, x.shape[1], "one entry per channel")
    check_groups("group_norm", groups, x.shape[1])


batch_norm = op(reference.batch_norm, check_batch_norm)
batch_norm_inference = op(reference.batch_norm_inference, _check_batch_norm_inference)
fold_batch_norm = op(reference.fold_batch_norm, _check_fold_batch_norm)
group_norm = op(reference.group_norm, _check_group_norm)
layer_norm = op(reference.layer_norm, _check_layer_norm)
