"""CUDA kernels in float16, run on the host: what they compute in float32, rounded once."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.cuda_on_host import HALF, arrays
from tests.fake_cupy import RawKernel, cupy_on_host
from tests.ops.exact import draw
from xpcnn import backend, ops
from xpcnn.backend import kernel_for
from xpcnn.errors import BackendError, DTypeError, ShapeError
from xpcnn.ops.dispatch import traced

source: Any = import_module("xpcnn.backends.cupy_kernels.cuda").source
patches: Any = import_module("xpcnn.backends.cupy_kernels.patches")

X, W, B, V = (2, 3, 9, 8), (4, 3, 3, 2), (4,), (3,)

CASES: dict[str, tuple[str, list[tuple[int, ...]], dict[str, Any]]] = {
    "conv2d": ("conv2d", [X, W, B], {}),
    "strides, padding, no bias": ("conv2d", [X, W], {"stride": (2, 1), "padding": (1, 2)}),
    "groups, dilation": (
        "conv2d",
        [(2, 4, 9, 8), (6, 2, 2, 3), (6,)],
        {"groups": 2, "dilation": 2},
    ),
    "dense": ("dense", [(5, 40), (40, 7), (7,)], {}),
    "max_pool2d": ("max_pool2d", [X], {"size": 3, "stride": 2, "padding": 1}),
    "avg_pool2d": ("avg_pool2d", [X], {"size": 3, "stride": 2, "padding": 1}),
    "relu": ("relu", [X], {}),
    "sigmoid": ("sigmoid", [X], {}),
    "tanh": ("tanh", [X], {}),
    "add_relu": ("add_relu", [X, X], {}),
    "batch_norm": ("batch_norm", [X, V, V], {}),
    "without parameters": ("batch_norm", [X, (), ()], {}),
    "batch_norm of rows": ("batch_norm", [(6, 3), V, V], {}),
    "batch_norm_relu": ("batch_norm_relu", [X, V, V], {"pool": 2}),
    "batch_norm_add_relu": ("batch_norm_add_relu", [X, V, V, X], {}),
    "batch_norm_inference": ("batch_norm_inference", [X, V, V, V, V], {}),
}


@pytest.fixture(autouse=True)
def _has_kernels() -> None:
    if not backend._kernels.get(cupy_on_host().array_type):
        pytest.skip("--no-kernels: nothing is launched")


def given(op: str, shapes: list[tuple[int, ...]]) -> list[numpy.ndarray | None]:
    """Return arrays of float16; those of the channels of a normalisation are float32."""
    found: list[numpy.ndarray | None] = []
    for i, shape in enumerate(shapes):
        is_statistic = op.startswith("batch_norm") and len(shape) == 1
        x = abs(draw(*shape, seed=i)) if is_statistic else draw(*shape, seed=i)
        found.append(x.astype("float32" if is_statistic else "float16") if shape else None)
    return found


def run(
    op: str, values: list[Any], *, whole: bool = False, **options: Any
) -> tuple[list[numpy.ndarray | None], list[str]]:
    """Return y, statistics and gradients on the host, and what was launched.

    whole: whether the gradient by y is of whole numbers.
    """
    library = cupy_on_host()
    fake_cupy.launches.clear()
    placed = [None if x is None else library.from_host(x) for x in values]
    with traced() as calls:
        y, back = getattr(ops, op)(*placed, **options)
    assert calls == [(op, "kernel")]
    outputs = [*y] if isinstance(y, tuple) else [y]
    dy = draw(*outputs[0].shape, seed=9).astype("float16").astype(outputs[0].dtype)
    dy = numpy.rint(dy) if whole else dy
    results = [*outputs, *back(library.from_host(dy))]
    return [None if x is None else library.to_host(x) for x in results], list(fake_cupy.launches)


def assert_rounded_once(
    half: Sequence[numpy.ndarray | None],
    single: Sequence[numpy.ndarray | None],
    *,
    normalises: bool = False,
) -> None:
    for found, wide in zip(half, single, strict=True):
        if wide is None or found is None:
            assert found is wide
            continue
        kind = "float32" if normalises and wide.ndim == 1 else "float16"
        assert found.dtype == kind
        numpy.testing.assert_array_equal(found, wide.astype(kind))


@pytest.mark.parametrize("case", CASES)
def test_rounded_once(case: str) -> None:
    """The bits of the float32 kernels on the same numbers, rounded; by as many launches."""
    op, shapes, options = CASES[case]
    values = given(op, shapes)
    half, launched = run(op, values, **options)
    wide = [None if x is None else x.astype("float32") for x in values]
    single, as_single = run(op, wide, **options)
    assert len(launched) == len(as_single)
    assert_rounded_once(half, single, normalises=op.startswith("batch_norm"))


@pytest.mark.parametrize("pool", [None, 2, (3, 2)])
def test_a_fused_convolution_equals_its_parts(pool: Any) -> None:
    """Exactly, on whole numbers."""
    rng = numpy.random.default_rng(0)
    values = [rng.integers(-3, 4, shape).astype("float16") for shape in (X, W, B)]
    fused, _ = run("conv_relu_pool", values, whole=True, padding=1, pool=pool)
    wide = [x.astype("float32") for x in values]
    single, _ = run("conv_relu_pool", wide, whole=True, padding=1, pool=pool)
    assert_rounded_once(fused, single)


def test_of_pixels_that_are_rounded_to_one_number_the_first_is_the_largest() -> None:
    """As pooling after the convolution has it: 4097 and 4097.5 both are 4096 in float16."""
    x, w, b = ([1, 1.5], 1, 4096)
    values = [
        numpy.full(s, a, "float16") for a, s in ((x, (1, 1, 1, 2)), (w, (1, 1, 1, 1)), (b, 1))
    ]
    (y, dx, *_), _ = run("conv_relu_pool", values, pool=(1, 2))
    assert y is not None
    assert y.item() == 4096
    assert dx is not None
    assert (dx != 0).tolist() == [[[[True, False]]]]


def test_dropout() -> None:
    library = cupy_on_host()
    x, uniform = draw(*X).astype("float16"), numpy.random.default_rng(0).random(X, "float32")
    y, back = ops.dropout(library.from_host(x), library.from_host(uniform), rate=0.3)
    expected = (x.astype("float32") * numpy.float32(1 / 0.7) * (uniform >= 0.3)).astype("float16")
    numpy.testing.assert_array_equal(library.to_host(y), expected)
    (dx, _) = back(library.from_host(x))
    numpy.testing.assert_array_equal(library.to_host(dx), expected)


@pytest.mark.parametrize("own_products", [False, True])
def test_large_convolutions_and_products(
    own_products: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exact on whole numbers, in parts of few samples."""
    x, w = (numpy.random.default_rng(0).integers(-3, 4, s) for s in ((5, 30, 6, 5), (4, 30, 3, 3)))
    values = [a.astype("float16") for a in (x, w, numpy.arange(4))]
    conv: Any = kernel_for(cupy_on_host().from_host(values[0]), "conv2d")
    monkeypatch.setattr(conv.args[0], "has_own_products", own_products)
    each = 2 * 30 * 9 * 12  # bytes of the patches of a sample
    monkeypatch.setattr(patches, "MOST_PATCH_BYTES", 2 * each)
    half, launched = run("conv2d", values, whole=True)
    assert ("product" in launched) is own_products
    assert launched.count("im2col") == 6  # forward and backward, two samples at a time
    single, _ = run("conv2d", [a.astype("float32") for a in values], whole=True)
    assert_rounded_once(half, single)


@pytest.mark.parametrize("inner", [40, 2000])
def test_own_products(inner: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one part, and in several, which stay float32."""
    library, products = cupy_on_host(), import_module("xpcnn.backends.cupy_kernels.products")
    a, b = (draw(*shape).astype("float16") for shape in ((3, inner), (inner, 5)))
    dense: Any = kernel_for(library.from_host(a), "dense")
    cuda = dense.args[0]
    monkeypatch.setattr(cuda, "has_own_products", True)
    ends = []
    for dtype in ("float16", "float32"):
        given = [library.from_host(x.astype(dtype)) for x in (a, b)]
        fake_cupy.launches.clear()
        ends.append(library.to_host(products.product(cuda.like(given[0]), *given)))
        assert len(fake_cupy.launches) == (1 if inner == 40 else 2)
    assert_rounded_once(ends[:1], ends[1:])


def test_statistics_of_half_precision_are_computed_in_float32() -> None:
    """The kernel leaves them to float32; gradients have the dtype of their argument."""
    library = cupy_on_host()
    x, gamma = library.from_host(draw(*X).astype("float16")), library.from_host(abs(draw(*V)))
    narrow = gamma.astype("float16")
    (y, mean, _), back = ops.batch_norm(x, narrow, narrow)
    (expected, *_), _ = ops.batch_norm(x, *(narrow.astype("float32") for _ in range(2)))
    numpy.testing.assert_array_equal(library.to_host(y), library.to_host(expected))
    assert mean.dtype == "float32"
    assert [getattr(g, "dtype", None) for g in back(y)] == ["float16"] * 3


@pytest.mark.parametrize(
    ("gamma", "beta", "error", "message"),
    [
        (draw(4), draw(3), ShapeError, r"gamma has shape \(4,\), expected \(3,\)"),
        (
            draw(3),
            draw(3).astype("float64"),
            DTypeError,
            "gamma has dtype float32 and beta float64",
        ),
    ],
)
def test_what_a_kernel_would_read_is_checked(
    gamma: numpy.ndarray, beta: numpy.ndarray, error: type[Exception], message: str
) -> None:
    place = cupy_on_host().from_host
    x = place(draw(*X).astype("float16"))
    with pytest.raises(error, match=message):
        ops.batch_norm(x, place(gamma), place(beta))
    with pytest.raises(BackendError, match=r"x is a tests\.ndarray and gamma a numpy\.nda"):
        ops.batch_norm(x, draw(3), draw(3))


CONVERSIONS = """
extern "C" __global__ void widen(const Value *x, float *y) { y[threadIdx.x] = x[threadIdx.x]; }
extern "C" __global__ void narrow(const float *x, Value *y) { y[threadIdx.x] = x[threadIdx.x]; }
"""


def converted(name: str, x: numpy.ndarray, dtype: str) -> numpy.ndarray:
    """Return 1024 numbers converted by `value.cuh`."""
    code = HALF + source("common.cuh") + source("value.cuh") + CONVERSIONS
    y = arrays.empty(x.shape, dtype)
    RawKernel(code, name)((1,), (x.size,), (arrays.from_host(x), y))
    return numpy.array(arrays.on_host(y))


def test_conversions() -> None:
    """Every float16, and quarters between neighbours; those of a GPU are one instruction each."""
    every = numpy.arange(2**16, dtype="uint16").view("float16")
    wide = numpy.sort(every[numpy.isfinite(every)].astype("float32"))
    between = numpy.concatenate([wide[:-1] + k / 4 * numpy.diff(wide) for k in range(4)])
    ends = numpy.asarray([65519.99, 65520, 1e30, numpy.inf, -numpy.inf, 1e-45, -0.0], "float32")
    single = numpy.resize(numpy.concatenate([ends, between]), 2**18 + 2**17)
    for part in every.reshape(-1, 1024):
        assert_same_bits(converted("widen", part, "float32"), part.astype("float32"))
    with numpy.errstate(over="ignore"):
        for part in single.reshape(-1, 1024):
            assert_same_bits(converted("narrow", part, "float16"), part.astype("float16"))


def assert_same_bits(found: numpy.ndarray, expected: numpy.ndarray) -> None:
    is_number = ~numpy.isnan(expected)
    assert (numpy.isnan(found) == ~is_number).all()
    assert found[is_number].tobytes() == expected[is_number].tobytes()
