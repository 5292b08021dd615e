"""R6: ties, boundaries and extreme values, each with its constant.

Where random numbers never come: equal maxima, padding, NaN, infinities, kinks, saturation. The
constants are PyTorch's conventions, worked out by hand; one differs: a probability label of 0
beside a score of -inf adds nothing to the loss, where PyTorch's is NaN.
"""

from collections.abc import Callable
from typing import Any

import numpy

from tests.compare import assert_same
from tests.conformance.figures import report
from tests.conformance.tally import Tally
from tests.lib import Lib
from xpcnn import layers, ops
from xpcnn.layers import Context
from xpcnn.types import Array

NAN, INF = numpy.nan, numpy.inf

Probe = Callable[[Lib], Array]


def image(lib: Lib, rows: Any) -> Array:
    return lib.asarray([[rows]], "float64")


def forward(op: str, rows: Any, **options: Any) -> Probe:
    """Probe the output of an op on one image of one channel."""

    def run(lib: Lib) -> Array:
        return getattr(ops, op)(image(lib, rows), **options)[0][0, 0, ...]

    return run


def backward(op: str, rows: Any, **options: Any) -> Probe:
    """Probe dx for a dy of ones."""

    def run(lib: Lib) -> Array:
        y, pullback = getattr(ops, op)(image(lib, rows), **options)
        return pullback(lib.asarray(numpy.ones(tuple(y.shape))))[0][0, 0, ...]

    return run


def cross_entropy(
    logits: Any, labels: Any, weights: Any = None, *, gradient: bool = False
) -> Probe:
    """Probe the loss, or dlogits."""

    def run(lib: Lib) -> Array:
        w = None if weights is None else lib.asarray(weights)
        loss, pullback = ops.softmax_cross_entropy(lib.asarray(logits), lib.asarray(labels), w)
        return pullback(lib.asarray(1.0))[0] if gradient else loss

    return run


def min_pool_gradient(lib: Lib) -> Array:
    y, _, pullback = layers.MinPool2D(2).forward({}, {}, image(lib, ONES_2), Context())
    dx: Array = pullback(lib.asarray(numpy.ones(tuple(y.shape))))[0]
    return dx[0, 0, ...]


def running_variance(lib: Lib) -> Array:
    ones, zeros = lib.asarray([1.0]), lib.asarray([0.0])
    x = lib.asarray(numpy.arange(8.0).reshape(8, 1))
    params, buffers = {"gamma": ones, "beta": zeros}, {"mean": zeros, "var": ones}
    return layers.BatchNorm().forward(params, buffers, x, Context(training=True))[1]["var"]


def constant_channel(lib: Lib) -> Array:
    (y, _, _), pullback = ops.batch_norm(lib.asarray([[7.0], [7.0]]), None, None)
    dx, _, _ = pullback(lib.asarray([[1.0], [1.0]]))
    return lib.backend.xp.concat([y, dx], axis=1)


def prelu_at_zero(lib: Lib) -> Array:
    _, pullback = ops.prelu(lib.asarray([[0.0]]), lib.asarray([0.25]))
    return pullback(lib.asarray([[1.0]]))[0]


def dropout_at_the_rate(lib: Lib) -> Array:
    uniform = lib.asarray(numpy.asarray([0.5, 0.49999997], "float32"))
    return ops.dropout(lib.asarray([1.0, 1.0]), uniform, rate=0.5)[0]


def bce_at(logits: Any, targets: Any) -> Probe:
    return lambda lib: ops.bce_with_logits(lib.asarray(logits), lib.asarray(targets))[0]


ONES_2 = [[1.0, 1.0], [1.0, 1.0]]
ONES_3 = [[1.0] * 3] * 3
ONES_5 = [[1.0] * 5] * 5
ZEROS_2 = [[0.0, 0.0], [0.0, 0.0]]
BELOW_0 = [[-5.0, -6.0], [-7.0, -8.0]]
TWO_NANS = [[NAN, 1.0], [NAN, 2.0]]

PROBES: list[tuple[str, Probe, Any]] = [
    # max pooling: ties
    ("equal window: the first", backward("max_pool2d", ONES_2, size=2), [[1, 0], [0, 0]]),
    (
        "overlapping equal windows: the first of each",
        backward("max_pool2d", ONES_3, size=2, stride=1),
        [[1, 1, 0], [1, 1, 0], [0, 0, 0]],
    ),
    (
        "tie away from the corner: the first in row-major order",
        backward("max_pool2d", [[0.0, 1.0], [1.0, 1.0]], size=2),
        [[0, 1], [0, 0]],
    ),
    (
        "zeros: padding does not tie with them",
        backward("max_pool2d", ZEROS_2, size=3, stride=1, padding=1),
        [[4, 0], [0, 0]],
    ),
    ("-0 and 0 are equal", backward("max_pool2d", [[-0.0, 0.0]], size=(1, 2)), [[1, 0]]),
    ("min pooling: the first too", min_pool_gradient, [[1, 0], [0, 0]]),
    ("global: the first too", backward("global_max_pool2d", ONES_2), [[1, 0], [0, 0]]),
    # max pooling: padding, infinities, NaN
    (
        "below zero: padding never wins",
        forward("max_pool2d", BELOW_0, size=3, stride=1, padding=1),
        [[-5, -5], [-5, -5]],
    ),
    (
        "below zero: padding takes no gradient",
        backward("max_pool2d", BELOW_0, size=3, stride=1, padding=1),
        [[4, 0], [0, 0]],
    ),
    ("a window of -inf", forward("max_pool2d", [[-INF, -INF]], size=(1, 2)), [[-INF]]),
    ("a window of -inf: the first", backward("max_pool2d", [[-INF, -INF]], size=(1, 2)), [[1, 0]]),
    (
        "-inf beside padding: the first pixel",
        backward("max_pool2d", [[-INF, -INF]], size=(1, 2), stride=2, padding=(0, 1)),
        [[1, 1]],
    ),
    ("NaN wins", forward("max_pool2d", [[NAN, 1.0], [INF, 2.0]], size=2), [[NAN]]),
    ("NaN takes the gradient", backward("max_pool2d", [[1.0, NAN, INF]], size=(1, 3)), [[0, 1, 0]]),
    ("the last of several NaN", backward("max_pool2d", TWO_NANS, size=2), [[0, 0], [1, 0]]),
    (
        "adaptive: the first of each overlapping window",
        backward("adaptive_max_pool2d", ONES_3, size=2),
        [[1, 1, 0], [1, 1, 0], [0, 0, 0]],
    ),
    (
        "adaptive: the last NaN of each window, in row-major order",
        backward(
            "adaptive_max_pool2d", [[NAN, NAN, 1.0], [1.0, 1.0, NAN], [INF, 1.0, 1.0]], size=2
        ),
        [[0, 1, 0], [0, 0, 2], [1, 0, 0]],
    ),
    (
        "adaptive average: NaN stays in its windows",
        forward("adaptive_avg_pool2d", [[NAN, 1.0, 3.0]], size=(1, 2)),
        [[NAN, 2]],
    ),
    ("global: NaN wins", lambda lib: ops.global_max_pool2d(image(lib, TWO_NANS))[0], [[NAN]]),
    ("global: the last NaN", backward("global_max_pool2d", TWO_NANS), [[0, 0], [1, 0]]),
    ("global: -inf", backward("global_max_pool2d", [[-INF, -INF]]), [[1, 0]]),
    # geometry
    (
        "rows left over have no gradient",
        backward("max_pool2d", ONES_3, size=2),
        [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
    ),
    (
        "floor: 6 x 6, size 3, stride 2, padding 1 gives 3 x 3",
        forward("avg_pool2d", [[1.0] * 6] * 6, size=3, stride=2, padding=1, divisor=1),
        [[4, 6, 6], [6, 9, 9], [6, 9, 9]],
    ),
    (
        "ceil: the same gives 4 x 4",
        forward(
            "avg_pool2d", [[1.0] * 6] * 6, size=3, stride=2, padding=1, divisor=1, ceil_mode=True
        ),
        [[4, 6, 6, 2], [6, 9, 9, 3], [6, 9, 9, 3], [2, 3, 3, 1]],
    ),
    (
        "ceil: a last window that would start in the padding is dropped",
        forward("max_pool2d", ONES_3, size=2, stride=2, padding=1, ceil_mode=True),
        [[1, 1], [1, 1]],
    ),
    (
        "average: padding counts",
        forward("avg_pool2d", ONES_3, size=3, stride=1, padding=1),
        [[4 / 9, 6 / 9, 4 / 9], [6 / 9, 1, 6 / 9], [4 / 9, 6 / 9, 4 / 9]],
    ),
    (
        "average: or it does not",
        forward("avg_pool2d", ONES_3, size=3, stride=1, padding=1, count_include_pad=False),
        ONES_3,
    ),
    (
        "average with ceil: what lies beyond the padding never counts",
        forward("avg_pool2d", ONES_3, size=2, ceil_mode=True),
        ONES_2,
    ),
    ("average: NaN propagates", forward("avg_pool2d", [[NAN, 1.0]], size=(1, 2)), [[NAN]]),
    (
        "convolution, even kernel: the extra padding is at the end",
        lambda lib: ops.conv2d(image(lib, ONES_2), image(lib, [[1, 2], [3, 4]]), padding="same")[0],
        [[[[10, 4], [3, 1]]]],
    ),
    # activations: kinks, NaN, saturation
    ("relu at 0 and -0", backward("relu", [[0.0, -0.0]]), [[0, 0]]),
    ("relu of NaN and infinities", forward("relu", [[NAN, INF, -INF]]), [[NAN, INF, 0]]),
    ("relu passes the gradient at NaN", backward("relu", [[NAN]]), [[1]]),
    ("leaky relu at 0", backward("leaky_relu", [[0.0]], slope=0.25), [[0.25]]),
    ("elu at 0", backward("elu", [[0.0]], alpha=0.5), [[0.5]]),
    ("elu far out", forward("elu", [[-1e4, 1e4]]), [[-1, 1e4]]),
    ("prelu at 0", prelu_at_zero, [[0.25]]),
    ("hard sigmoid at its corners", backward("hard_sigmoid", [[-3.0, 3.0]]), [[0, 0]]),
    ("hard tanh at its corners", backward("hard_tanh", [[-1.0, 1.0]]), [[0, 0]]),
    ("hard tanh of NaN and infinities", forward("hard_tanh", [[NAN, INF, -INF]]), [[NAN, 1, -1]]),
    ("relu6 at its corners", backward("relu6", [[0.0, 6.0]]), [[0, 0]]),
    ("hard swish at its corners", backward("hard_swish", [[-3.0, 3.0]]), [[0, 1]]),
    ("sigmoid far out", forward("sigmoid", [[-1e4, 1e4]]), [[0, 1]]),
    ("sigmoid far out, backward", backward("sigmoid", [[-1e4, 1e4]]), [[0, 0]]),
    ("softplus far out", forward("softplus", [[-1e4, 1e4]]), [[0, 1e4]]),
    ("silu far out", forward("silu", [[-1e4, 1e4]]), [[0, 1e4]]),
    ("mish far out, backward", backward("mish", [[-1e4, 1e4]]), [[0, 1]]),
    ("gelu far out", forward("gelu", [[-50.0, 50.0]]), [[0, 50]]),
    ("gelu far out, backward", backward("gelu", [[-50.0, 50.0]]), [[0, 1]]),
    ("tanh far out, backward", backward("tanh", [[-1e4, 1e4]]), [[0, 0]]),
    ("sigmoid of NaN", forward("sigmoid", [[NAN]]), [[NAN]]),
    ("dropout keeps what is equal to the rate", dropout_at_the_rate, [2, 0]),
    # softmax and losses
    ("softmax of large scores", forward("softmax", [[1e4, 0.0]]), [[1, 0]]),
    ("softmax with -inf", forward("softmax", [[-INF, 0.0, 0.0]]), [[0, 0.5, 0.5]]),
    ("log softmax of large scores", forward("log_softmax", [[1e4, 0.0]]), [[0, -1e4]]),
    ("cross-entropy of a sure mistake", cross_entropy([[1e4, 0.0]], [1]), 1e4),
    (
        "cross-entropy of a sure mistake, backward",
        cross_entropy([[1e4, 0.0]], [1], gradient=True),
        [[1, -1]],
    ),
    ("cross-entropy beside -inf", cross_entropy([[0.0, -INF]], [0]), 0),
    ("every row ignored", cross_entropy([[1.0, 2.0]], [-100]), NAN),
    (
        "every row ignored, backward",
        cross_entropy([[1.0, 2.0]], [-100], gradient=True),
        [[0, 0]],
    ),
    (
        "weights divide by their sum",
        cross_entropy([[0.0, 0.0], [0.0, numpy.log(3.0)]], [0, 1], [1.0, 3.0]),
        (numpy.log(2.0) + 3 * numpy.log(4 / 3)) / 4,
    ),
    ("a probability of 0 beside -inf", cross_entropy([[0.0, -INF]], [[1.0, 0.0]]), 0),
    ("bce far out", bce_at([1e4, -1e4], [0.0, 0.0]), 5e3),
    # batch norm
    ("running variance is unbiased: 0.9 * 1 + 0.1 * 6", running_variance, [1.5]),
    ("a constant channel: 0, and no gradient", constant_channel, [[0, 0], [0, 0]]),
]


def seen(lib: Lib, probe: Probe, expected: Any) -> str | None:
    """Return what differs from the constant."""
    try:
        assert_same(probe(lib), numpy.asarray(expected, "float64"), lib)
    except (AssertionError, RuntimeWarning) as error:
        return str(error)
    return None


def test_boundaries(lib: Lib, tally: Tally) -> None:
    problems = [
        f"{name}: {problem}"
        for name, probe, expected in PROBES
        if (problem := seen(lib, probe, expected))
    ]
    passed = len(PROBES) - len(problems)
    tally[lib.name]["R6"] = (passed, len(PROBES))
    report("R6 ties and boundaries", passed, len(PROBES), note=lib.name)
    assert not problems, "\n".join(problems)
    assert len({name for name, *_ in PROBES}) == len(PROBES) >= 25


def test_a_mask_of_equal_values_would_be_seen(lib: Lib) -> None:
    """The common mistake in pooling: every element that equals the maximum takes the gradient."""

    def mask(lib: Lib) -> Array:
        x = image(lib, ONES_2)
        return lib.backend.xp.astype(x == lib.backend.xp.max(x), x.dtype)[0, 0, ...]

    assert seen(lib, mask, [[1, 0], [0, 0]]) is not None
