"""Convolution on a GPU by cuDNN or by our own kernels, in float32 and float16, alone, or with ReLU
and pooling: each direction by what was timed as the fastest.

By cuDNN forward one launch with bias and ReLU, and one of `pool.cu`; backward one each for dx and
dw, sums for db, and before them ReLU's and pooling's.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from ..geometry import pair, sides
from .autotuner import Autotuner
from .conv import convolved
from .conv_choices import Engine
from .conv_rule import Gradients, Method, Passed, Rule, Wanted, rule_of
from .cuda import Array, Cuda, serves_half
from .cudnn_graph import Convolution
from .cudnn_plans import Cudnn, Plan
from .windows import Windows, windows_over


def conv2d(
    cuda: Cuda,
    cudnn: Cudnn,
    autotuner: Autotuner,
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
    window = stride, padding, dilation
    rule = rule_of(x.shape, w.shape, *window, groups, (1, 1), False)
    return convolved(cuda, _choose(cuda, cudnn, autotuner, x, b, window), rule, x, w, b)


def conv_relu_pool(
    cuda: Cuda,
    cudnn: Cudnn,
    autotuner: Autotuner,
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
    """Compute pool(relu(conv(x, w) + b)), without a limit."""
    if limit is not None or b is None:  # cuDNN has no engine for ReLU without a bias before it
        return NotImplemented
    if not serves_half(x, w, b):
        return NotImplemented
    window, size = (stride, padding, dilation), (1, 1) if pool is None else pair(pool)
    rule = rule_of(x.shape, w.shape, *window, groups, size, True)
    return convolved(cuda, _choose(cuda, cudnn, autotuner, x, b, window), rule, x, w, b, grad=grad)


class Case(NamedTuple):
    """What methods are timed for: a call of cuDNN, and what our own kernels compute around it."""

    convolution: Convolution
    rectify: bool
    pool: tuple[int, int]

    def __str__(self) -> str:
        """Say everything that tells it from others."""
        rectify = " after relu" * (self.rectify and self.convolution.direction != "forward")
        return f"{self.convolution}{rectify}" + f" pool {self.pool}" * (self.pool != (1, 1))


def _choose(
    cuda: Cuda,
    cudnn: Cudnn,
    autotuner: Autotuner,
    x: Array,
    b: Array | None,
    window: tuple[Any, ...],
) -> Callable[[Rule, str, Callable[[Method], Any]], Method]:
    """Return what chooses the method of a direction."""
    dtype = x.dtype.name
    tf32 = dtype == "float32" and cuda.tf32

    def choose(rule: Rule, direction: str, run: Callable[[Method], Any]) -> Method:
        given = rule.image, rule.filters, *window, b is not None, rule.rectify
        convolution = passes(dtype, tf32, *given)[direction]

        def engines(known: Engine | None) -> Iterator[tuple[Engine, Method]]:
            again = None if known is None else cudnn.again(convolution, known)
            plans = cudnn.plans(convolution) if known is None else filter(None, [again])
            return ((plan.engine, ByEngine(cudnn, convolution, plan)) for plan in plans)

        return autotuner.fastest(Case(convolution, rule.rectify, rule.pool), engines, run)

    return choose


class ByEngine:
    """The method of one direction by an engine of cuDNN."""

    def __init__(self, cudnn: Cudnn, convolution: Convolution, plan: Plan) -> None:
        self._cudnn, self._convolution, self._plan = cudnn, convolution, plan

    def forward(
        self, cuda: Cuda, rule: Rule, x: Array, w: Array, b: Array | None, keeps_winner: bool
    ) -> tuple[Array, Array | None]:
        """Return y and winner."""
        y = self._execute(x, w) if b is None else self._execute(x, w, b)
        if rule.pool == (1, 1):
            return y, None
        pooled, winner = cuda.empty(rule.out), cuda.empty(rule.out, "uint8")
        over = _pooling(rule)
        cuda.each("pool.cu", "max_pool", pooled.size, y, pooled, winner, over.struct)
        return pooled, winner

    def backward(
        self, cuda: Cuda, rule: Rule, passed: Passed, x: Array, w: Array, wants: Wanted
    ) -> Gradients:
        """Return dx, or dw and db, each where it is wanted."""
        dy = _spread(cuda, rule, passed)
        if self._convolution.direction == "dx":
            return self._execute(dy, w), None, None
        _, want_dw, want_db = wants
        return None, self._execute(x, dy) if want_dw else None, _sums(dy) if want_db else None

    def _execute(self, *inputs: Array) -> Array:
        return self._cudnn.execute(self._convolution, self._plan, inputs)


@cache
def passes(
    dtype: str,
    tf32: bool,
    image: tuple[int, ...],
    filters: tuple[int, ...],
    stride: Any,
    padding: Any,
    dilation: Any,
    bias: bool,
    rectify: bool,
) -> dict[str, Convolution]:
    """Return the forward pass, and what computes dx and dw, by direction."""
    around = sides(padding, (image[2], image[3]), filters[2:], stride, dilation)
    axes = zip(image[2:], filters[2:], pair(stride), pair(dilation), around, strict=True)
    rows, columns = ((n + sum(a) - d * (k - 1) - 1) // s + 1 for n, k, s, d, a in axes)
    before, after = zip(*around, strict=True)
    shapes = image, filters, (image[0], filters[0], rows, columns)
    rule = pair(stride), before, after, pair(dilation)
    forward = Convolution("forward", dtype, tf32, *shapes, *rule, bias, rectify)
    alone = forward._replace(bias=False, rectify=False)
    return {"forward": forward} | {way: alone._replace(direction=way) for way in ("dx", "dw")}


def _pooling(rule: Rule) -> Windows:
    """Return the pooling windows."""
    return windows_over((rule.windows.rows, rule.windows.columns), rule.pool, rule.pool, 0, 1)


def _spread(cuda: Cuda, rule: Rule, passed: Passed) -> Array:
    """Return the gradient of the convolution itself; made once."""
    if passed.spread is None:
        dy = passed.dy
        if passed.y is not None:
            through = cuda.empty(rule.out)
            cuda.each("elementwise.cu", "relu_backward", through.size, dy, passed.y, through)
            dy = through
        if passed.winner is not None:
            over = _pooling(rule)
            whole = cuda.empty((*rule.out[:2], rule.windows.rows, rule.windows.columns))
            rest = passed.winner, whole, over.struct
            cuda.each("pool.cu", "max_pool_backward", whole.size, dy, *rest)
            dy = whole
        passed.spread = dy
    return passed.spread


def _sums(dy: Array) -> Array:
    """Return db (f,), in two sums: over the pixels of an image, then over images."""
    n, f = dy.shape[:2]
    sums = dy.reshape(n, f, -1).sum(axis=2, dtype="float32").sum(axis=0)
    return sums.astype(dy.dtype, copy=False)
