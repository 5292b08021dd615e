"""The CUDA kernels behind the public ops: odd sizes, exact bits, and what they serve.

On the host wherever g++ is, and on a GPU where one is; without XPCNN_CUDA_KERNELS=1 the latter are
the references. The suites of ops and layers run on both too.
"""

import math
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.conformance.verdict import numpy_kernels
from tests.cuda_on_host import arrays
from tests.gpu.sides import Ours
from tests.lib import Host, Lib
from xpcnn import backend, ops
from xpcnn.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Sequential,
    Tanh,
)
from xpcnn.model import Model

RNG = numpy.random.default_rng(0)
START = RNG.bit_generator.state
on_cuda = pytest.mark.parametrize("lib", ["cupy", "cupy-on-host"], indirect=True)


@pytest.fixture(autouse=True)
def _the_same_numbers_whatever_ran_before() -> None:
    RNG.bit_generator.state = START


def draw(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Host:
    return (RNG.standard_normal(shape) * scale + shift).astype("float32")


def flat(*shape: int) -> Host:
    """Draw from three numbers, so that most windows have ties."""
    return RNG.integers(-1, 2, shape).astype("float32")


def run(place: Any, op: str, given: list[Host | None], options: dict[str, Any]) -> list[Any]:
    """Return y, or its parts, and all gradients for one dy, the same on every call."""
    y, pullback = getattr(ops, op)(*(None if a is None else place(a) for a in given), **options)
    outputs = [*y] if isinstance(y, tuple) else [y]
    dy = 0.5 + numpy.cos(numpy.arange(math.prod(outputs[0].shape))).reshape(outputs[0].shape)
    return [*outputs, *pullback(place(dy.astype(str(outputs[0].dtype))))]


def reference(op: str, given: list[Host | None], options: dict[str, Any], dtype: str) -> list[Any]:
    """Return what the references give for these values in another dtype."""
    cast = [a.astype(dtype) if a is not None and a.dtype == "float32" else a for a in given]
    with numpy_kernels(present=False), numpy.errstate(invalid="ignore"):
        return run(lambda a: a, op, cast, options)


def assert_close(
    lib: Lib, got: list[Any], exact: list[Any], digits: float, least: float = 1e-30
) -> None:
    """Compare with exact numbers, relative to the largest of each array, at least to `least`; NaN
    equals NaN."""
    assert [g is None for g in got] == [e is None for e in exact]
    for i, (g, e) in enumerate(zip(got, exact, strict=True)):
        if g is not None:
            host = lib.to_host(g)
            assert (host.dtype, host.shape) == ("float32", numpy.shape(e))
            scale = numpy.max(numpy.abs(e), initial=least, where=numpy.isfinite(e))
            numpy.testing.assert_allclose(
                host / scale, e / scale, rtol=0, atol=digits, err_msg=str(i)
            )


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
    spoiled = numpy.where(RNG.uniform(size=shape) < 0.2, numpy.float32("nan"), x)
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
    exact = reference("avg_pool2d", given, options | more, "float64")
    assert_close(lib, run(lib.asarray, "avg_pool2d", given, options | more), exact, 1e-6)


NORMS = [(5, 1), (7, 3), (300, 5), (4, 3, 1, 1), (1, 2, 3, 5), (3, 2, 41, 43), (5, 3, 64, 67)]


@on_cuda
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", NORMS, ids=str)
def test_batch_norm(lib: Lib, shape: tuple[int, ...], affine: bool) -> None:
    """Channels of one part and of several."""
    c = shape[1]
    vectors = [draw(c), draw(c)] if affine else [None, None]
    given: list[Host | None] = [draw(*shape), *vectors]
    exact = reference("batch_norm", given, {}, "float64")
    assert_close(lib, run(lib.asarray, "batch_norm", given, {}), exact, 2e-6)
    given += [draw(c), numpy.abs(draw(c)) + 1]
    exact = reference("batch_norm_inference", given, {"eps": 0.1}, "float64")
    got = run(lib.asarray, "batch_norm_inference", given, {"eps": 0.1})
    assert_close(lib, got, exact, 2e-6)


@on_cuda
@pytest.mark.parametrize("shape", NORMS, ids=str)
def test_a_mean_far_from_0_costs_the_variance_nothing(lib: Lib, shape: tuple[int, ...]) -> None:
    given: list[Host | None] = [draw(*shape, shift=1000.0), None, None]
    y, _, var = reference("batch_norm", given, {}, "float64")[:3]
    got = run(lib.asarray, "batch_norm", given, {})
    assert_close(lib, [got[2]], [var], 1e-6)
    assert_close(lib, [got[0]], [y], 1e-4)  # the mean itself is rounded


@on_cuda
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("n", "classes"), [(1, 1), (7, 10), (300, 2), (3, 1000), (67, 33)])
def test_cross_entropy(lib: Lib, n: int, classes: int, smoothing: float) -> None:
    """Labels of all kinds, none of which the host may look at: some ignored, some no class."""
    labels = RNG.integers(0, classes, n)
    odd = labels.copy()
    odd[::3], odd[1::5] = -100, classes + 7
    for chosen in (labels, odd, labels.astype("uint8"), numpy.zeros(n, "int32")):
        for ignored in (-100, 0):
            given: list[Host | None] = [draw(n, classes, scale=5), chosen]
            options = {"label_smoothing": smoothing, "ignore_index": ignored}
            exact = reference("softmax_cross_entropy", given, options, "float64")
            assert_close(
                lib, run(lib.asarray, "softmax_cross_entropy", given, options), exact, 2e-6
            )


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
        exact = reference(op, [x], {}, "float64")
        assert_close(lib, run(lib.asarray, op, [x], {}), exact, 1e-6)


@on_cuda
@pytest.mark.parametrize("rate", [0.0, 0.25, 0.9])
def test_dropout_and_normalise_to_the_bit(lib: Lib, rate: float) -> None:
    x, uniform = draw(3, 7, 37), RNG.integers(0, 8, (3, 7, 37)).astype("float32") / 8
    y, dx, _ = run(lib.asarray, "dropout", [x, uniform], {"rate": rate})
    wanted = reference("dropout", [x, uniform], {"rate": rate}, "float32")
    assert lib.to_host(y).tobytes() == wanted[0].tobytes()
    assert lib.to_host(dx).tobytes() == wanted[1].tobytes()
    mean, deviation = draw(7), draw(7, shift=5)
    for raw in (RNG.integers(0, 256, (3, 7, 5, 11)).astype("uint8"), x):
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
    exact = reference(op, given, options | tail, "float64")
    fake_cupy.launches.clear()
    got = run(lib.asarray, op, given, options | tail)
    assert_close(lib, got, exact, 2e-6, least=1.0)  # where sums of numbers near 1 cancel
    if lib.name == "cupy-on-host":
        assert fake_cupy.launches == ["conv", "conv_dx", "conv_dw"]


@on_cuda
def test_ties_behind_a_convolution(lib: Lib) -> None:
    """Flat images and filters: windows in which all are equal, or none passes the ReLU."""
    x, w, b = flat(4, 1, 10, 10), flat(3, 1, 3, 3), numpy.asarray([0, 1, -1], "float32")
    wanted = reference("conv_relu_pool", [x, w, b], {"pool": 2}, "float32")
    got = run(lib.asarray, "conv_relu_pool", [x, w, b], {"pool": 2})
    assert lib.to_host(got[0]).tobytes() == wanted[0].tobytes()
    assert_close(lib, got, wanted, 1e-6)


HOST = pytest.mark.parametrize("lib", ["cupy-on-host"], indirect=True)
X, LABELS = draw(2, 3, 6, 6), numpy.asarray([0, 1])

SERVED: list[tuple[str, list[Host | None], dict[str, Any], int]] = [
    ("max_pool2d", [X], {"size": 2}, 2),
    ("avg_pool2d", [X], {"size": 2}, 2),
    ("batch_norm", [X, None, None], {}, 4),
    ("batch_norm_inference", [X, None, None, draw(3), numpy.ones(3, "float32")], {}, 3),
    ("relu", [X], {}, 2),
    ("sigmoid", [X], {}, 2),
    ("tanh", [X], {}, 2),
    ("dropout", [X, numpy.abs(X)], {"rate": 0.5}, 2),
    ("softmax_cross_entropy", [draw(2, 3), LABELS], {}, 3),
    ("conv2d", [X, draw(4, 3, 3, 3), draw(4)], {}, 3),
    ("conv_relu_pool", [X, draw(4, 3, 3, 3), draw(4)], {"pool": 2}, 3),
]
LEFT: list[tuple[str, list[Host | None], dict[str, Any]]] = [
    ("max_pool2d", [X.astype("float64")], {"size": 2}),
    ("max_pool2d", [draw(1, 1, 17, 17)], {"size": 17}),
    ("relu", [X[:0]], {}),
    ("relu", [X.astype("float64")], {}),
    ("conv2d", [draw(1, 65, 2, 2), draw(1, 65, 2, 2), None], {}),
    ("softmax_cross_entropy", [draw(2, 3), numpy.abs(draw(2, 3))], {}),
    ("softmax_cross_entropy", [draw(2, 3), LABELS, numpy.ones(3, "float32")], {}),
]


@HOST
@pytest.mark.parametrize(("op", "given", "options", "launches"), SERVED)
def test_what_is_served_never_waits(
    lib: Lib, op: str, given: list[Host | None], options: dict[str, Any], launches: int
) -> None:
    """So many launches forward and backward; none where no gradient is wanted."""
    fake_cupy.launches.clear()
    arrays.waits.clear()
    run(lib.asarray, op, given, options)
    assert (len(fake_cupy.launches), arrays.waits) == (launches, [])
    y, pullback = getattr(ops, op)(*(a if a is None else lib.asarray(a) for a in given), **options)
    first = y[0] if isinstance(y, tuple) else y
    count = len(pullback(first))
    fake_cupy.launches.clear()
    assert set(pullback(first, [False] * count)) == {None}
    assert fake_cupy.launches == []


@HOST
@pytest.mark.parametrize(("op", "given", "options"), LEFT)
def test_what_is_left_to_the_references(
    lib: Lib, op: str, given: list[Host | None], options: dict[str, Any]
) -> None:
    fake_cupy.launches.clear()
    got = run(lib.asarray, op, given, options)
    wanted = reference(op, given, options, str(got[0].dtype))
    for g, e in zip(got, wanted, strict=True):
        assert (g is None) == (e is None)
        assert g is None or numpy.allclose(lib.to_host(g), e, 1e-5, 1e-5)
    assert fake_cupy.launches == []


@HOST
def test_every_kernel_is_served(lib: Lib) -> None:
    kernels = backend._kernels[lib.backend.array_type]
    assert set(kernels) == {op for op, *_ in SERVED} | {"normalise", "sgd", "adam"}


@HOST
def test_a_network_trains_as_on_numpy_and_never_waits(lib: Lib) -> None:
    """Convolution, batch normalisation, ReLU, pooling, dropout and the loss, all together."""
    rows: list[Layer] = [Conv2D(4, 3), BatchNorm(), ReLU(), MaxPool2D(2), Dropout(0.25), Tanh()]
    network = Sequential(
        [*rows, Conv2D(5, 2, padding=1), ReLU(), MaxPool2D(2), Flatten(), Dense(3)]
    )
    batches = [(draw(6, 2, 9, 8), numpy.arange(6) % 3) for _ in range(2)]
    sums = []
    for library in (lib.backend, backend.load("numpy")):
        model = Model(network, input_shape=(2, 9, 8), backend=library, seed=1)
        side = Ours(model, batches)
        fake_cupy.launches.clear()
        arrays.waits.clear()
        for _ in range(5):
            side.step()
        if library is lib.backend:
            assert set(fake_cupy.launches) == {
                *("conv", "conv_dx", "conv_dw", "max_pool", "max_pool_backward", "dropout"),
                *("batch_norm_parts", "batch_norm", "batch_norm_sums", "batch_norm_backward"),
                *("relu_forward", "relu_backward", "tanh_forward", "tanh_backward"),
                *("philox_uniform", "cross_entropy_rows", "cross_entropy_mean"),
                *("cross_entropy_backward", "sgd"),
            }
        assert arrays.waits == []
        sums.append(side.loss_sum())
    numpy.testing.assert_allclose(sums[0], sums[1], rtol=1e-6)
