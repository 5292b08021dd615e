"""Upsampling, with its checks. Definition: `reference/upsample.py`."""

from xpcnn.errors import ConfigError, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import check_pixels
from xpcnn.ops.dispatch import op
from xpcnn.ops.hyperparameter_checks import check_pair
from xpcnn.ops.reference.windows import Pair
from xpcnn.types import Array


def check_mode(owner: str, mode: str) -> None:
    """Require "nearest" or "bilinear"."""
    if mode not in ("nearest", "bilinear"):
        message = f"{owner}: mode is {mode!r}, expected 'nearest' or 'bilinear'"
        raise ConfigError(hint(message, "mode='nearest'"))


def _check_upsample2d(x: Array, *, size: Pair, mode: str = "nearest") -> None:
    check_pair("upsample2d", "size", size)
    check_mode("upsample2d", mode)
    check_pixels("upsample2d", x)


upsample2d = op(reference.upsample2d, _check_upsample2d)
