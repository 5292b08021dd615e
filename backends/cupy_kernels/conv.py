"""Convolution on a GPU, alone, or with ReLU and pooling.

By direct sums (`direct.py`) where the windows have few elements, else as a matrix product over
patches (`patches.py`): for each direction by its own threshold. With cuDNN see `cudnn_conv.py`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from ..geometry import pair
from . import direct, patches
from .conv_rule import Gradients, Method, Passed, Rule, rule_of
from .cuda import Array, Cuda, serves_half
from .pool import MOST_TAPS

MOST_PRODUCTS = {"forward": 256, "dx": 256, "dw": 256}
"""By direction, the most elements of a window over all channels of a group; above, a matrix product
is expected to be faster than direct sums. Not measured."""

Choose: TypeAlias = Callable[[Rule, str, Callable[[Method], Any]], Method]
"""choose(rule, direction, run): which method it is by; run(method) runs one, to time it."""


def conv2d(
    cuda: Cuda,
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolve, with or without groups."""
    if not serves_half(x, w, b):
        return NotImplemented
    rule = rule_of(x.shape, w.shape, stride, padding, dilation, groups, (1, 1), False)
    return convolved(cuda, by_size, rule, x, w, b)


def conv_relu_pool(
    cuda: Cuda,
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    pool: Any = None,
    limit: float | None = None,
    grad: bool = True,
) -> Any:
    """Compute pool(relu(conv(x, w) + b)), without a limit; nothing between them is stored."""
    if limit is not None or not serves_half(x, w, b):
        return NotImplemented
    size = (1, 1) if pool is None else pair(pool)
    rule = rule_of(x.shape, w.shape, stride, padding, dilation, groups, size, True)
    return convolved(cuda, by_size, rule, x, w, b, grad=grad)


def by_size(rule: Rule, direction: str, run: Callable[[Method], Any]) -> Method:
    """Choose direct sums where a window has few elements, or a group a single filter."""
    is_small = math.prod(rule.filters[1:]) <= MOST_PRODUCTS[direction]
    return direct if is_small or rule.groups == rule.filters[0] > 1 else patches


def convolved(
    cuda: Cuda,
    choose: Choose,
    rule: Rule,
    x: Array,
    w: Array,
    b: Array | None,
    *,
    grad: bool = True,
) -> Any:
    """Return (y, pullback) by the methods that are chosen; NotImplemented for what none serves."""
    if math.prod(rule.pool) > MOST_TAPS or not 0 < math.prod(rule.out) < 2**31:
        return NotImplemented  # none: a pooling window larger than the image, a mistake
    cuda = cuda.like(x)
    x, w, b = map(cuda.ordered, (x, w, b))
    keeps_winner = grad and rule.pool != (1, 1)

    def forward(method: Method) -> tuple[Array, Array | None]:
        return method.forward(cuda, rule, x, w, b, keeps_winner)

    y, winner = forward(choose(rule, "forward", forward))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> Gradients:
        want_dx, want_dw, want_db = wants or (True, True, True)
        want_db = want_db and b is not None
        passed = Passed(cuda.ordered(dy), y if rule.rectify else None, winner)

        def backward(method: Method, passed: Passed, *wanted: bool) -> Gradients:
            return method.backward(cuda, rule, passed, x, w, wanted)

        def alone(*wanted: bool) -> Callable[[Method], Gradients]:
            """Return a run that has to make by itself what methods share."""
            return lambda method: backward(method, replace(passed, spread=None), *wanted)

        to_dx = choose(rule, "dx", alone(True, False, False)) if want_dx else None
        needs_dw = want_dw or want_db
        to_dw = choose(rule, "dw", alone(False, want_dw, want_db)) if needs_dw else None
        if to_dx is not None and to_dx is to_dw:
            return backward(to_dx, passed, True, want_dw, want_db)
        dx = None if to_dx is None else backward(to_dx, passed, True, False, False)[0]
        if to_dw is None:
            return dx, None, None
        _, dw, db = backward(to_dw, passed, False, want_dw, want_db)
        return dx, dw, db

    return y, pullback
