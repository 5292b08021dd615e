"""The types that the kernels of all array libraries share. Imports no array library."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

Arrays: TypeAlias = dict[str, Any]
"""Arrays by the path of their parameter."""

State: TypeAlias = dict[str, Arrays]
"""What an optimizer remembers, by its name, such as "velocity"."""

Kernel: TypeAlias = Callable[..., Any]
Pair: TypeAlias = tuple[int, int]
Wants: TypeAlias = Sequence[bool] | None
"""Which gradients a pullback is to return; None for all."""
