"""The CUDA kernels behind the public ops: odd sizes, and exact bits where they can be exact.

On the host wherever g++ is, and on a GPU where one is; without XPCNN_CUDA_KERNELS=1 the latter are
the references. The suites of ops and layers run on both too.
"""

from importlib import import_module
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.conformance.case_results import numpy_kernels
from tests.lib import Host, Lib
from tests.ops.exact import (
    assert_all_within,
    draw,
    flat,
    has_kernels,
    launches_are_seen,
    reference,
    rounded,
    run,
)
from tests.rounding import UNIT
from xpcnn import ops

norm = import_module("xpcnn.backends.cupy_kernels.norm")
on_cuda = pytest.mark.parametrize("lib", ["cupy", "cupy-on-host"], indirect=True)


POOLS = [
    ((1, 1, 1, 1), {"size": 1}),
    ((2, 3, 7, 5), {"size": 3, "stride": 2, "padding": 1}),
    ((2, 1, 13, 11), {"size": (2, 3), "stride": (3, 1), "dilation": (3, 2)}),
    ((1, 3, 8, 9), {"size": 3, "stride": 2, "ceil_mode": True}),
    ((3, 2, 7, 7), {"size": 2, "stride": 3, "padding": ((0, 1), (1, 0)), "ceil_mode": True}),
    ((1, 2, 6, 6), {"size": 2, "stride": 4, "padding": 1, "ceil_mode": True}),
    ((2, 5, 19, 23), {"size": 2, "stride": 1}),
    ((2, 1, 16, 17), {"size": 16}),
    ((5, 3, 12, 14), {"size": (2, 1)}),
]


@on_cuda
@pytest.mark.parametrize(("shape", "options"), POOLS, ids=str)
def test_max_pooling_to_the_bit(lib: Lib, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    """With ties, infinities and NaN; sums of overlapping windows in the reference's order."""
    x = flat(*shape)
    spoiled = numpy.where(draw(*shape) < -0.8, numpy.float32("nan"), x)
    spoiled[..., 0] = -numpy.inf
    for given in (x, spoiled):
        y, dx = run(lib.asarray, "max_pool2d", [given], options)
        wanted = reference("max_pool2d", [given], options, "float32")
        numpy.testing.assert_array_equal(lib.to_host(y), wanted[0])
        numpy.testing.assert_array_equal(lib.to_host(dx), wanted[1])


@on_cuda
@pytest.mark.parametrize("more", [{}, {"count_include_pad": False}, {"divisor": 3.5}], ids=str)
@pytest.mark.parametrize(("shape", "options"), POOLS, ids=str)
def test_average_pooling(
    lib: Lib, shape: tuple[int, ...], options: dict[str, Any], more: dict[str, Any]
) -> None:
    if "dilation" in options or shape[3] > 16:
        more |= {"count_include_pad": True}
    given: list[Host | None] = [draw(*shape)]
    expected = rounded("avg_pool2d", given, options | more)
    assert_all_within(lib, run(lib.asarray, "avg_pool2d", given, options | more), expected)


NORMS = [(5, 1), (7, 3), (300, 5), (4, 3, 1, 1), (1, 2, 3, 5), (3, 2, 41, 43), (5, 3, 64, 67)]


@on_cuda
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", NORMS, ids=str)
def test_batch_norm(lib: Lib, shape: tuple[int, ...], affine: bool) -> None:
    """Channels of one part and of several."""
    c = shape[1]
    vectors = [draw(c), draw(c, seed=1)] if affine else [None, None]
    given: list[Host | None] = [draw(*shape), *vectors]
    got = run(lib.asarray, "batch_norm", given, {})
    assert_all_within(lib, got, rounded("batch_norm", given, {}))
    given += [draw(c, seed=2), numpy.abs(draw(c, seed=3)) + 1]
    got = run(lib.asarray, "batch_norm_inference", given, {"eps": 0.1})
    assert_all_within(lib, got, rounded("batch_norm_inference", given, {"eps": 0.1}))


@on_cuda
@pytest.mark.parametrize("length", [4096, 16])
@pytest.mark.parametrize("pool", [None, 2, (3, 1)])
@pytest.mark.parametrize("shape", [(7, 3), (4, 3, 1, 1), (1, 2, 3, 5), (3, 2, 5, 7)], ids=str)
def test_batch_norm_with_what_follows(
    lib: Lib,
    shape: tuple[int, ...],
    pool: Any,
    length: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With ReLU and pooling, if a window fits, or with a sum before the ReLU; of several parts."""
    monkeypatch.setattr(norm, "LEAST_LENGTH", length)
    c = shape[1]
    given: list[Host | None] = [draw(*shape), draw(c), draw(c, seed=1)]
    if pool is None:
        whole = [*given, draw(*shape, seed=2)]
        got = run(lib.asarray, "batch_norm_add_relu", whole, {})
        assert_all_within(lib, got, rounded("batch_norm_add_relu", whole, {}))
    options = {"pool": pool if len(shape) == 4 and shape[2] > 2 else None}
    got = run(lib.asarray, "batch_norm_relu", given, options)
    assert_all_within(lib, got, rounded("batch_norm_relu", given, options))


@on_cuda
@pytest.mark.parametrize("parts", [1, 2])
def test_batch_norm_of_ties_and_nan(lib: Lib, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels of -1 and 1 are normalised exactly; only sums over 96 gradients are rounded."""
    monkeypatch.setattr(norm, "LEAST_LENGTH", 96 // parts)
    x = numpy.sign(flat(4, 3, 4, 6) + 0.5).astype("float32")
    x[:, :, ::2], x[:, :, 1::2] = x[:, :, :1], -x[:, :, :1]  # as many of each: mean 0, variance 1
    x[0, 2, 1, 1] = numpy.nan
    given: list[Host | None] = [x, *numpy.asarray([[2, 1, 1], [0, 0, 0]], "float32")]
    for op, more, options in (
        ("batch_norm_relu", [], {"eps": 3.0, "pool": 2}),
        ("batch_norm_relu", [], {"eps": 3.0}),
        ("batch_norm_add_relu", [flat(4, 3, 4, 6)], {"eps": 3.0}),
    ):
        wanted = reference(op, [*given, *more], options, "float32")
        for g, e in zip(run(lib.asarray, op, [*given, *more], options), wanted, strict=True):
            numpy.testing.assert_allclose(lib.to_host(g), e, rtol=1e-6, atol=1e-6)


@on_cuda
@pytest.mark.parametrize("shape", NORMS, ids=str)
def test_a_mean_far_from_0_costs_the_variance_nothing(lib: Lib, shape: tuple[int, ...]) -> None:
    if not has_kernels(lib):
        pytest.skip("how well a library adds up float32 is its own affair")
    given: list[Host | None] = [draw(*shape, shift=1000.0), None, None]
    y, _, var = reference("batch_norm", given, {}, "float64")[:3]
    got = run(lib.asarray, "batch_norm", given, {})
    numpy.testing.assert_allclose(lib.to_host(got[2]), var, rtol=1e-6)  # sums of squares: none is 0
    error = 2 * UNIT * 1001  # the mean is rounded, and its sum
    scale = numpy.max(1 / numpy.sqrt(var + 1e-5))
    numpy.testing.assert_allclose(lib.to_host(got[0]), y, rtol=1e-6, atol=error * scale)


@on_cuda
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("n", "classes"), [(1, 1), (7, 10), (300, 2), (3, 1000), (67, 33)])
def test_cross_entropy(lib: Lib, n: int, classes: int, smoothing: float) -> None:
    """Labels of all kinds, none of which the host may look at: some ignored, some no class."""
    labels = numpy.random.default_rng(0).integers(0, classes, n)
    odd = labels.copy()
    odd[::3], odd[1::5] = -100, classes + 7
    for chosen in (labels, odd, labels.astype("uint8"), numpy.zeros(n, "int32")):
        for ignored in (-100, 0):
            given: list[Host | None] = [draw(n, classes, scale=5), chosen]
            options = {"label_smoothing": smoothing, "ignore_index": ignored}
            got = run(lib.asarray, "softmax_cross_entropy", given, options)
            assert_all_within(lib, got, rounded("softmax_cross_entropy", given, options))


@on_cuda
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("n", "inner", "units"), [(1, 1, 1), (17, 33, 5), (16, 16, 16), (3, 70, 35), (2, 257, 3)]
)
def test_dense(lib: Lib, n: int, inner: int, units: int, bias: bool) -> None:
    """Whole tiles and parts of them; the last too long for the kernel forward."""
    given = [draw(n, inner), draw(inner, units), draw(units) if bias else None]
    assert_all_within(lib, run(lib.asarray, "dense", given, {}), rounded("dense", given, {}))


@on_cuda
def test_cross_entropy_of_what_is_not_finite(lib: Lib) -> None:
    logits = numpy.zeros((5, 3), "float32")
    logits[0] = [-300, -200, -250]
    logits[1, 2], logits[2, 0], logits[3, 1] = -numpy.inf, numpy.nan, numpy.inf
    logits[4] = [88, -200, 3e38]
    for labels in ([0, 1, 0, 0, 2], [0, 2, -100, -100, 0], [-100] * 5):
        given: list[Host | None] = [logits, numpy.asarray(labels)]
        exact = reference("softmax_cross_entropy", given, {}, "float32")
        for g, e in zip(
            run(lib.asarray, "softmax_cross_entropy", given, {})[:2], exact, strict=False
        ):
            numpy.testing.assert_allclose(lib.to_host(g), e, rtol=1e-6, atol=1e-6)


@on_cuda
@pytest.mark.parametrize("op", ["relu", "sigmoid", "tanh"])
def test_elementwise(lib: Lib, op: str) -> None:
    ends = [0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 3e38, -3e38, 100.0, -100.0]
    for x in (draw(1), draw(2, 256), draw(3, 1, 257), numpy.asarray(ends, "float32")):
        assert_all_within(lib, run(lib.asarray, op, [x], {}), rounded(op, [x], {}))


@on_cuda
def test_a_sum_and_relu_to_the_bit(lib: Lib) -> None:
    """One rounding forward, none backward; with sums of 0 and NaN."""
    x = draw(3, 1, 257)
    for other in (draw(3, 1, 257, seed=1), -x, numpy.where(x > 0, numpy.float32("nan"), x)):
        got = run(lib.asarray, "add_relu", [x, other], {})
        for g, e in zip(got, reference("add_relu", [x, other], {}, "float32"), strict=True):
            numpy.testing.assert_array_equal(lib.to_host(g), e)


@on_cuda
def test_the_gradient_of_a_loss_may_be_a_number(lib: Lib) -> None:
    logits, labels = lib.asarray(draw(4, 3)), lib.asarray(numpy.asarray([0, 2, 1, 0]))
    pullback = ops.softmax_cross_entropy(logits, labels)[1]
    by_number, *_ = pullback(0.5)
    by_array, *_ = pullback(lib.asarray(numpy.asarray(0.5, "float32")))
    numpy.testing.assert_array_equal(lib.to_host(by_number), lib.to_host(by_array))


@on_cuda
@pytest.mark.parametrize("rate", [0.0, 0.25, 0.9])
def test_dropout_and_normalise_to_the_bit(lib: Lib, rate: float) -> None:
    x = draw(3, 7, 37)
    uniform = numpy.random.default_rng(0).integers(0, 8, x.shape).astype("float32") / 8
    y, dx, _ = run(lib.asarray, "dropout", [x, uniform], {"rate": rate})
    wanted = reference("dropout", [x, uniform], {"rate": rate}, "float32")
    assert lib.to_host(y).tobytes() == wanted[0].tobytes()
    assert lib.to_host(dx).tobytes() == wanted[1].tobytes()
    mean, deviation = draw(7), draw(7, shift=5)
    pixels = numpy.random.default_rng(1).integers(0, 256, (3, 7, 5, 11)).astype("uint8")
    for raw in (pixels, x):
        got = ops.normalise(*map(lib.asarray, (raw, mean, deviation)))
        with numpy_kernels(present=False):
            expected = ops.normalise(raw, mean, deviation)
        assert lib.to_host(got).tobytes() == expected.tobytes()


CONVOLUTIONS = [
    ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    ((3, 2, 7, 5), (4, 2, 3, 2), {"padding": 1}),
    ((2, 6, 9, 8), (4, 3, 3, 3), {"groups": 2, "padding": "same"}),
    ((2, 3, 11, 9), (5, 3, 5, 3), {"stride": (2, 3), "padding": ((2, 1), (0, 2))}),
    ((2, 3, 13, 12), (6, 1, 3, 3), {"groups": 3, "dilation": (2, 3), "stride": 2}),
    ((17, 1, 12, 11), (7, 1, 5, 5), {}),
    ((2, 5, 6, 6), (3, 5, 6, 6), {}),
]
TAILS: list[dict[str, Any]] = [{}, {"pool": None}, {"pool": 2}, {"pool": (1, 3)}, {"grad": False}]


@on_cuda
@pytest.mark.parametrize("tail", TAILS, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("x", "w", "options"), CONVOLUTIONS, ids=str)
def test_convolution(
    lib: Lib,
    x: tuple[int, ...],
    w: tuple[int, ...],
    options: dict[str, Any],
    bias: bool,
    tail: dict[str, Any],
) -> None:
    """Alone, with ReLU, and with pooling, if a window fits."""
    op = "conv_relu_pool" if tail else "conv2d"
    given = [draw(*x), draw(*w), draw(w[0]) if bias else None]
    out = ops.conv2d(*given[:2], **options)[0].shape[2:]
    rows, columns = (1, 1) if tail.get("pool") is None else numpy.broadcast_to(tail["pool"], 2)
    if rows > out[0] or columns > out[1]:
        tail = {"pool": None}
    fake_cupy.launches.clear()
    got = run(lib.asarray, op, given, options | tail)
    assert_all_within(lib, got, rounded(op, given, options | tail))
    if launches_are_seen(lib):
        assert fake_cupy.launches == ["conv", "conv_dx", "conv_dw"]


@on_cuda
def test_ties_behind_a_convolution(lib: Lib) -> None:
    """Flat images and filters: windows in which all are equal, or none passes the ReLU."""
    x, w, b = flat(4, 1, 10, 10), flat(3, 1, 3, 3), numpy.asarray([0, 1, -1], "float32")
    wanted = reference("conv_relu_pool", [x, w, b], {"pool": 2}, "float32")
    got = run(lib.asarray, "conv_relu_pool", [x, w, b], {"pool": 2})
    assert lib.to_host(got[0]).tobytes() == wanted[0].tobytes()
    assert_all_within(lib, got, rounded("conv_relu_pool", [x, w, b], {"pool": 2}))
