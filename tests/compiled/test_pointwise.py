"""ReLU and the update with momentum in C."""

from typing import Any

import numpy
import pytest

from tests.compiled.support import agree, compiled, cut, guarded, require_compiler, same, whole
from xpcnn.ops import reference

SIZES = [1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000]


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_relu_of_special_numbers() -> None:
    x = numpy.asarray([1, -1, 0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 1e-45, -1e-45], "float32")
    for _ in range(3):  # beyond a vector too
        agree("relu", [x], numpy.arange(1, len(x) + 1, dtype="float32"))
        x = numpy.concatenate([x, x])


@pytest.mark.parametrize("pieces", [1, 3, 7])
@pytest.mark.parametrize("size", SIZES)
def test_relu(size: int, pieces: int) -> None:
    with cut(pieces, 2):
        agree("relu", [whole(numpy.random.default_rng(size), size)])


def test_relu_in_the_memory_order_of_its_input() -> None:
    rng = numpy.random.default_rng(0)
    for x in (whole(rng, 5, 4, 3, 9).transpose(3, 0, 1, 2), whole(rng, 9, 8)[::2, ::-3]):
        dense = x.copy(order="K")
        assert compiled.KERNELS["relu"](x)[0].strides == dense.strides
        agree("relu", [x])
        agree("relu", [dense], whole(rng, *x.shape))
    agree("relu", [whole(rng)])
    agree("relu", [numpy.broadcast_to(numpy.float32(-2), (3, 4))])


@pytest.mark.parametrize("op", ["sigmoid", "tanh"])
def test_sigmoid_and_tanh_to_three_units_in_the_last_place(op: str) -> None:
    """Far out a sigmoid below 1e-37 is 0; sizes that are no multiple of a vector, cut anywhere."""
    exact: dict[str, Any] = {"sigmoid": lambda x: 1 / (1 + numpy.exp(-x)), "tanh": numpy.tanh}
    small = 2.0 ** numpy.arange(-126, 0)
    x = numpy.concatenate([numpy.linspace(-100, 100, 40_001), small, -small]).astype("float32")
    with cut(7, 3), guarded():
        y, pullback = compiled.KERNELS[op](x)
        (dx,) = pullback(numpy.full_like(x, 0.5))
    expected = exact[op](x.astype("float64"))
    unit = numpy.spacing(abs(expected).astype("float32"))
    assert (abs(y - expected) <= numpy.maximum(3 * unit, 1e-37)).all()
    wide = y.astype("float64")
    slope = 0.5 * (wide * (1 - wide) if op == "sigmoid" else 1 - wide * wide)
    assert abs(dx - slope).max() <= 2.0**-24


@pytest.mark.parametrize("op", ["sigmoid", "tanh"])
def test_sigmoid_and_tanh_of_any_number_of_numbers(op: str) -> None:
    x = numpy.linspace(-3, 3, SIZES[-1]).astype("float32")
    expected, _ = compiled.KERNELS[op](x)
    for size in SIZES:
        with cut(1, 1), guarded():
            y, _ = compiled.KERNELS[op](x[:size])
        assert y.tobytes() == expected[:size].tobytes()


@pytest.mark.parametrize("op", ["sigmoid", "tanh"])
def test_sigmoid_and_tanh_of_special_numbers(op: str) -> None:
    x = numpy.asarray([0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 1e30, -1e30], "float32")
    for _ in range(3):  # beyond a vector too
        agree(op, [x])
        x = numpy.concatenate([x, x])


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_momentum(size: int, nesterov: bool) -> None:
    """Halves and quarters of small whole numbers are exact."""
    rng = numpy.random.default_rng(size)
    p, g, v = whole(rng, 3, 2, size)
    lr = numpy.asarray(0.25, "float32")
    options: dict[str, Any] = {"momentum": 0.5, "nesterov": nesterov}
    for arrays in ((p, g, v), (p.T, g.T, v.T), (p[::-1], g[::-1], v[::-1])):
        expected = reference.momentum_update(arrays[0], arrays[1], arrays[2], lr, **options)
        with cut(3, 2), guarded():
            got = compiled.KERNELS["momentum_update"](*arrays, lr, **options)
        for i in (0, 1):
            same(got[i], expected[i], ("parameter", "velocity")[i])


@pytest.mark.parametrize("size", SIZES)
def test_adam(size: int) -> None:
    """To a few roundings of the parameter, which the reference in float64 does not have."""
    rng = numpy.random.default_rng(size)
    arrays = [*rng.standard_normal((3, size, 2)), rng.uniform(0, 2, (size, 2))]
    options: dict[str, Any] = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    before = [numpy.asarray(a, "float32") for a in arrays]
    rate, root = numpy.asarray(0.25, "float32"), numpy.asarray(0.75, "float32")
    p, g, m, v = (a.astype("float64") for a in before)
    expected = reference.adam_update(p, g, m, v, rate, root, **options)
    for order in (slice(None), slice(None, None, -1)):
        with cut(3, 2), guarded():
            got = compiled.KERNELS["adam_update"](
                *[a[order] for a in before], rate, root, **options
            )
        for new, want in zip(got, expected, strict=True):
            assert new.dtype == numpy.float32
            numpy.testing.assert_allclose(new, want[order], rtol=1e-6, atol=1e-6)


def test_updates_of_arrays_of_another_kind_are_left_to_the_reference() -> None:
    p, one = numpy.ones((2, 3), "float32"), numpy.asarray(1, "float32")
    momentum, adam = (compiled.KERNELS[f"{name}_update"] for name in ("momentum", "adam"))
    for g in (p.astype("float64"), p[:1], numpy.float32(1)):
        for arrays in ((p, g, p), (p, p, g)):
            assert momentum(*arrays, one, momentum=0.5, nesterov=False) is NotImplemented
            options = {"beta1": 0.5, "beta2": 0.5, "eps": 1.0}
            assert adam(*arrays, p, one, one, **options) is NotImplemented


def test_cotangents_of_another_dtype_are_converted() -> None:
    """NumPy's own default is float64: numpy.ones(y.shape) is what people write."""
    rng = numpy.random.default_rng(0)
    x, w = whole(rng, 9, 2, 4, 4), whole(rng, 3, 2, 1, 1)
    agree("relu", [x], whole(rng, *x.shape).astype("float64"))
    agree("relu", [whole(rng)], numpy.asarray(2.0))
    agree("conv2d", [x, w, None], whole(rng, 9, 3, 4, 4).astype("float64"))
    agree("conv_relu_pool", [x, w, None], whole(rng, 9, 3, 4, 4).astype("float64"))
    agree("conv_relu_pool", [x, w, None], whole(rng, 9, 3, 2, 2).astype("float64"), pool=2)
    agree("avg_pool2d", [x], whole(rng, 9, 2, 2, 2).astype("float64"), size=2)
    agree("dense", [x[0, 0], x[0, 0]], whole(rng, 4, 4).astype("float64"))
