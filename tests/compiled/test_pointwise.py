"""ReLU and the update with momentum in C."""

from typing import Any

import numpy
import pytest

from tests.compiled.support import agree, compiled, cut, guarded, require_compiler, whole

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


@pytest.mark.parametrize("shape", [(9, 500, 2, 2), (64, 3, 2, 2), (9, 3, 3, 3), (1, 1, 1, 1)])
@pytest.mark.parametrize("name", ["conv2d", "conv_relu_pool", "avg_pool2d", "batch_norm", "relu"])
def test_a_cotangent_of_another_shape_is_an_error(name: str, shape: tuple[int, ...]) -> None:
    """The kernels read memory: of a wrong shape they would read what is not theirs."""
    rng = numpy.random.default_rng(0)
    x, w = whole(rng, 9, 3, 4, 4), whole(rng, 3, 3, 1, 1)
    given: dict[str, tuple[list[Any], dict[str, Any]]] = {
        "conv2d": ([x, w], {"stride": 2}),
        "conv_relu_pool": ([x, w], {"pool": 2}),
        "avg_pool2d": ([x], {"size": 2}),
        "batch_norm": ([x[:, :, :2, :2], None, None], {}),
        "relu": ([x[:, :, :2, :2]], {}),
    }
    arrays, options = given[name]
    _, pullback = compiled.KERNELS[name](*arrays, **options)
    dy = numpy.ones(shape, "float32")
    with pytest.raises(ValueError, match=r"a cotangent has shape .*, the output \(9, 3, 2, 2\)"):
        pullback(dy)


def test_a_cotangent_of_another_number_of_features_is_an_error() -> None:
    _, pullback = compiled.KERNELS["dense"](numpy.ones((4, 3), "f4"), numpy.ones((3, 2), "f4"))
    with pytest.raises(ValueError, match=r"has shape \(4, 1\), the output \(4, 2\)"):
        pullback(numpy.ones((4, 1), "float32"))
