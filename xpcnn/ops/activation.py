"""Activations as ops, from the table of functions and derivatives in `reference/activation.py`."""

from collections.abc import Callable
from typing import Any

from xpcnn.errors import ConfigError, ShapeError, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import check_arrays
from xpcnn.ops.dispatch import op
from xpcnn.ops.reference import activation as table
from xpcnn.types import Array, Pullback


def _activation(
    f: Callable[..., Array], df: Callable[..., Array], *, half: bool = False
) -> Callable[..., tuple[Array, Pullback]]:
    def check(x: Array, **hyperparameters: Any) -> None:
        check_arrays(f.__name__, x=x)
        if f is table.gelu:
            check_gelu(**hyperparameters)
        if f is table.hard_tanh:
            check_bounds("hard_tanh", **hyperparameters)

    return op(table.elementwise(f, df), check, half=half)


relu = _activation(table.relu, table.d_relu, half=True)
relu6 = _activation(table.relu6, table.d_relu6, half=True)
leaky_relu = _activation(table.leaky_relu, table.d_leaky_relu, half=True)
elu = _activation(table.elu, table.d_elu)
selu = _activation(table.selu, table.d_selu)
gelu = _activation(table.gelu, table.d_gelu)
silu = _activation(table.silu, table.d_silu)
mish = _activation(table.mish, table.d_mish)
softplus = _activation(table.softplus, table.d_softplus)
softsign = _activation(table.softsign, table.d_softsign)
hard_sigmoid = _activation(table.hard_sigmoid, table.d_hard_sigmoid)
hard_swish = _activation(table.hard_swish, table.d_hard_swish)
hard_tanh = _activation(table.hard_tanh, table.d_hard_tanh, half=True)
sigmoid = _activation(table.sigmoid, table.d_sigmoid)
tanh = _activation(table.tanh, table.d_tanh)


def _check_prelu(x: Array, slope: Array) -> None:
    check_arrays("prelu", x=x, slope=slope)
    channels = x.shape[1] if len(x.shape) > 1 else 1
    if tuple(slope.shape) not in ((), (1,), (channels,)):
        raise ShapeError(
            hint(
                f"prelu: slope has shape {tuple(slope.shape)}, expected (1,) or ({channels},)",
                "one slope for all, or one for each channel",
            )
        )


prelu = op(reference.prelu, _check_prelu)


def check_gelu(approximate: str = "none") -> None:
    """Require "none" or "tanh"."""
    if approximate not in ("none", "tanh"):
        message = f"gelu: approximate is {approximate!r}, expected 'none' or 'tanh'"
        raise ConfigError(hint(message, "'none', which is exact"))


def check_bounds(owner: str, low: float = -1.0, high: float = 1.0) -> None:
    """Require low <= high."""
    if not low <= high:
        message = f"{owner}: low is {low:g} and high {high:g}, expected low <= high"
        raise ConfigError(hint(message, "low=-1.0, high=1.0"))
