"""Convolution by direct sums, `kernels/conv.cu`, compiled for each geometry.

One launch forward, with ReLU and pooling; backward one for dw and db, and one for dx.
"""

import math
from functools import cache

import numpy

from .conv_rule import Gradients, Passed, Rule, Wanted
from .cuda import Array, Cuda, summing
from .windows import braced


@cache
def constants(rule: Rule) -> str:
    """Return what `conv.cu` is compiled for: its structs Conv and Windows as lines of #define."""
    conv = braced((rule.image[1], rule.filters[0], rule.groups, *rule.pool, rule.rectify))
    return f"#define CONV {conv}\n#define WINDOWS {rule.windows.constant}\n"


def forward(
    cuda: Cuda, rule: Rule, x: Array, w: Array, b: Array | None, keeps_winner: bool
) -> tuple[Array, Array | None]:
    """Return y and winner."""
    y = cuda.empty(rule.out)
    winner = cuda.empty(rule.out, "uint8") if keeps_winner else None
    own = cuda.compiled_for(constants(rule))
    own.each("conv.cu", "conv", y.size, x, w, b, y, winner)
    return y, winner


def backward(
    cuda: Cuda, rule: Rule, passed: Passed, x: Array, w: Array, wants: Wanted
) -> Gradients:
    """Return dx, dw and db, each where it is wanted."""
    want_dx, want_dw, want_db = wants
    own = cuda.compiled_for(constants(rule))
    given = passed.dy, passed.y, passed.winner
    f = rule.filters[0]
    dx = cuda.empty(rule.image) if want_dx else None
    dw = cuda.empty(rule.filters) if want_dw else None
    db = cuda.empty((f,)) if want_db else None
    if dx is not None:
        own.each("conv.cu", "conv_dx", dx.size, *given, w, dx)
    if want_dw or want_db:
        grid = math.prod(rule.filters[1:]) + 1, f
        rest = numpy.uint32(rule.image[0]), *given, x, dw, db
        own.blocks("conv.cu", "conv_dw", grid, summing(passed.dy.size // f), *rest)
    return dx, dw, db
