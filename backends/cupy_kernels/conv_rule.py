"""What one convolution computes, and how: the same for every method that can compute it.

A method is a module or an object with two functions, each of which serves any `Rule`:

    forward(cuda, rule, x, w, b, keeps_winner) -> (y, winner)
    backward(cuda, rule, passed, x, w, wants) -> (dx, dw, db)

with all arrays in C order. Of each pooling window, `winner` names the pixel that passed, one byte;
that and y are all that a backward pass needs, so that each direction may be by another method.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from .cuda import Array, Cuda
from .windows import Windows, windows_over

Shape = tuple[int, ...]
Wanted = Sequence[bool]
Gradients = tuple[Array | None, Array | None, Array | None]


@dataclass(frozen=True, eq=False)
class Rule:
    """A convolution alone, or with ReLU and max pooling behind it; one object for equal ones.

    image, filters: shapes of x (n, c, h, w) and w (f, c / groups, kh, kw).
    pool: rows and columns of the pooling windows, which do not overlap; (1, 1) for none.
    out: shape of y (n, f, ho / pool rows, wo / pool columns).
    """

    image: Shape
    filters: Shape
    windows: Windows
    groups: int
    pool: tuple[int, int]
    rectify: bool
    out: Shape


@dataclass
class Passed:
    """What a backward pass gets of the forward pass.

    dy: the gradient of y. y: None without ReLU. winner: None without pooling.
    spread: the gradient of the convolution itself, for methods that need it; made once.
    """

    dy: Array
    y: Array | None
    winner: Array | None
    spread: Array | None = None


class Method(Protocol):
    """How a convolution is computed."""

    def forward(
        self, cuda: Cuda, rule: Rule, x: Array, w: Array, b: Array | None, keeps_winner: bool
    ) -> tuple[Array, Array | None]: ...

    def backward(
        self, cuda: Cuda, rule: Rule, passed: Passed, x: Array, w: Array, wants: Wanted
    ) -> Gradients: ...


@cache
def rule_of(
    image: Shape,
    filters: Shape,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    pool: tuple[int, int],
    rectify: bool,
) -> Rule:
    """Return the rule of these shapes and hyperparameters."""
    windows = windows_over(image[2:], filters[2:], stride, padding, dilation)
    out = image[0], filters[0], windows.rows // pool[0], windows.columns // pool[1]
    return Rule(image, filters, windows, groups, pool, rectify, out)
