"""float16 for kernels of float32: products of rounded numbers, summed in float32, rounded once.

That is what the matrix units of a GPU compute. NumPy's own products of float16 take a hundred times
as long, as it converts every number by itself.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy

from ..types import Kernel, Wants


def with_half(kernel: Kernel) -> Kernel:
    """Return a kernel that serves float16 too, by float32; its arrays have one dtype."""

    @wraps(kernel)
    def run(*args: Any, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        if given[0].dtype != numpy.float16:
            return kernel(*args, **kwargs)
        result = kernel(*map(_up, args), **{name: _up(x) for name, x in kwargs.items()})
        if result is NotImplemented:
            return result
        y, back = result

        def pullback(dy: Any, wants: Wants = None) -> tuple[Any, ...]:
            return tuple(map(_down, back(_up(dy), wants)))

        pull: Callable[..., Any] = pullback
        return _down(y), pull

    return run


def _up(x: Any) -> Any:
    return x.astype(numpy.float32) if isinstance(x, numpy.ndarray) else x


def _down(x: Any) -> Any:
    return None if x is None else x.astype(numpy.float16)
