"""Fusions: the same outputs, gradients and paths as the layers one by one."""

import math

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn.errors import ShapeError
from xpcnn.initializers import Draw
from xpcnn.layers import (
    BatchNorm,
    Context,
    Conv2D,
    DepthwiseConv2D,
    Layer,
    MaxPool2D,
    ReLU,
    ReLU6,
    Residual,
    Sequential,
)
from xpcnn.layers.fuse import IN_INFERENCE, IN_TRAINING, fusion
from xpcnn.ops.dispatch import traced
from xpcnn.types import Array, flatten, map_tree

CONV, POOL = Conv2D(5, 3, padding=1), MaxPool2D(2)


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        ([CONV, ReLU(), POOL], 3),
        ([CONV, ReLU()], 2),
        ([CONV, ReLU(), CONV], 2),
        ([CONV, ReLU(), MaxPool2D(2, stride=2)], 3),
        ([CONV, ReLU(), MaxPool2D(3, stride=2)], 2),  # windows overlap
        ([CONV, ReLU(), MaxPool2D(2, ceil_mode=True)], 2),
        ([BatchNorm(), ReLU(), POOL], 3),
        ([BatchNorm(), ReLU(), MaxPool2D(3, stride=2)], 2),
        ([BatchNorm(), ReLU6()], 2),
        ([CONV, ReLU6(), POOL], 2),
        ([BatchNorm(), POOL], 0),
        ([Residual(CONV), ReLU()], 2),
        ([Residual(Sequential([CONV, BatchNorm()])), ReLU()], 2),
        ([Residual(CONV), ReLU6()], 0),
        ([CONV, BatchNorm(), ReLU()], 0),
        ([DepthwiseConv2D(3), ReLU(), POOL], 3),
        ([CONV, POOL], 0),
        ([ReLU(), CONV], 0),
    ],
)
def test_what_becomes_one(layers: list[Layer], count: int) -> None:
    found = fusion(layers, IN_TRAINING)
    assert (0 if found is None else found[0]) == count


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        ([CONV, BatchNorm(), ReLU(), POOL], 4),
        ([CONV, BatchNorm(), ReLU(), MaxPool2D(3, stride=2)], 3),
        ([CONV, BatchNorm(), POOL], 2),
        ([DepthwiseConv2D(3), BatchNorm(), ReLU(), POOL], 4),
        ([DepthwiseConv2D(3), BatchNorm(), ReLU6()], 3),
        ([CONV, ReLU(), BatchNorm()], 2),
        ([BatchNorm(), ReLU()], 0),
    ],
)
def test_what_becomes_one_in_inference(layers: list[Layer], count: int) -> None:
    found = fusion(layers, IN_INFERENCE)
    assert (0 if found is None else found[0]) == count


@pytest.mark.parametrize("bias", [False, True])
def test_batch_norm_is_folded_into_the_filters_in_inference_alone(lib: Lib, bias: bool) -> None:
    head: list[Layer] = [Conv2D(3, 3, bias=bias), BatchNorm(eps=0.5), ReLU(), POOL]
    depthwise = DepthwiseConv2D(2, multiplier=2, bias=bias)
    layers = [*head, depthwise, BatchNorm(), ReLU(), Conv2D(2, 1), BatchNorm()]
    rng = numpy.random.default_rng(0)
    x = lib.asarray(rng.normal(size=(5, 2, 9, 8)))
    params, buffers, _ = Sequential(layers).init((2, 9, 8), Draw(0))
    params, buffers = (
        map_tree(tree, lambda a: lib.asarray(rng.uniform(0.5, 2.0, a.shape)))
        for tree in (params, buffers)
    )
    results: dict[bool, list[Array]] = {}
    for fuse in (True, False):
        network = Sequential(layers, fuse=fuse)
        y, after, _ = network.forward(params, buffers, x, Context())
        assert flatten(after) == flatten(buffers)  # the very arrays
        trained, _, back = network.forward(params, buffers, x, Context(training=True, grad=True))
        fixed, _, _ = network.forward(params, buffers, x, Context(grad=True))
        results[fuse] = [trained, *flatten(back(trained)[1]).values(), fixed]
        numpy.testing.assert_allclose(lib.to_host(y), lib.to_host(fixed), rtol=1e-11, atol=1e-11)
    for fused, alone in zip(results[True], results[False], strict=True):
        assert_same(fused, lib.to_host(alone), lib, "fused")


@pytest.mark.parametrize("context", [Context(training=True, grad=True), Context(grad=True)])
@pytest.mark.parametrize("frozen", [(), ("layers.0",), ("layers.0", "layers.4")])
def test_batch_norm_with_what_follows(lib: Lib, context: Context, frozen: tuple[str, ...]) -> None:
    """In training; frozen ones and those in inference run one by one, with the same results."""
    head: list[Layer] = [BatchNorm(), ReLU(), POOL, Conv2D(3, 2), BatchNorm(eps=0.5), ReLU()]
    layers = [*head, Conv2D(2, 1), BatchNorm()]
    rng = numpy.random.default_rng(0)
    x = lib.asarray(rng.integers(-3, 4, (4, 2, 7, 6)) / 4)  # with many equal elements
    results: list[list[Array]] = []
    for fuse in (True, False):
        network = Sequential(layers, fuse=fuse)
        params, buffers, _ = network.init((2, 7, 6), Draw(0))
        params, buffers = (
            map_tree(tree, lambda p: lib.asarray(p.astype("float64"))) for tree in (params, buffers)
        )
        y, after, back = network.forward(
            params, buffers, x, context._replace(frozen=frozenset(frozen))
        )
        dx, grads = back(y)
        assert list(grads) == list(after) == list(params)
        results.append([y, dx, *flatten(grads).values(), *flatten(after).values()])
    for fused, alone in zip(*results, strict=True):
        assert_same(fused, lib.to_host(alone), lib, "fused")


PROJECTION = Sequential([Conv2D(3, 1, stride=2, bias=False), BatchNorm()])


@pytest.mark.parametrize("context", [Context(training=True, grad=True), Context(grad=True)])
@pytest.mark.parametrize("frozen", [(), ("layers.0.body.layers.1", "layers.2.body.layers.3")])
def test_residual_connections_with_the_relu_after_them(
    lib: Lib, context: Context, frozen: tuple[str, ...]
) -> None:
    bodies: tuple[Layer, ...] = (
        Sequential([Conv2D(2, 3, padding=1), BatchNorm()]),
        Sequential(
            [Conv2D(4, 3, padding=1), BatchNorm(), Conv2D(3, 2, stride=2), BatchNorm(eps=0.5)]
        ),
        Conv2D(3, 1),
        Sequential([Conv2D(3, 1), BatchNorm()], fuse=False),
    )
    shortcuts: tuple[Layer | None, ...] = (None, PROJECTION, None, Conv2D(3, 1))
    layers: list[Layer] = []
    for body, shortcut in zip(bodies, shortcuts, strict=True):
        layers += [Residual(body, shortcut), ReLU()]
    rng = numpy.random.default_rng(0)
    x = lib.asarray(rng.integers(-3, 4, (4, 2, 6, 6)) / 4)
    results: list[list[Array]] = []
    for fuse in (True, False):
        network = Sequential(layers, fuse=fuse)
        params, buffers, _ = network.init((2, 6, 6), Draw(0))
        params, buffers = (
            map_tree(tree, lambda p: lib.asarray(p.astype("float64"))) for tree in (params, buffers)
        )
        y, after, back = network.forward(
            params, buffers, x, context._replace(frozen=frozenset(frozen))
        )
        dx, grads = back(y)
        assert list(flatten(grads)) == list(flatten(params))
        assert list(flatten(after)) == list(flatten(buffers))
        results.append([y, dx, *flatten(grads).values(), *flatten(after).values()])
        without_dx, same = back(y, want_dx=False)
        assert without_dx is None
        assert list(flatten(same)) == list(flatten(params))
    for fused, alone in zip(*results, strict=True):
        assert_same(fused, lib.to_host(alone), lib, "fused")


@pytest.mark.parametrize("size", [16, 17])
def test_windows_of_more_elements_than_a_byte_tells_apart(lib: Lib, size: int) -> None:
    x = lib.asarray(numpy.random.default_rng(1).normal(size=(2, 1, 2 * size, 2 * size)))
    results = []
    for fuse in (True, False):
        network = Sequential([Conv2D(2, 1), ReLU(), MaxPool2D(size)], fuse=fuse)
        params, buffers, _ = network.init((1, 2 * size, 2 * size), Draw(0))
        params = map_tree(params, lambda p: lib.asarray(p.astype("float64")))
        y, _, back = network.forward(params, buffers, x, Context(training=True, grad=True))
        dx, _ = back(y)
        results.append([y, dx])
    for fused, alone in zip(*results, strict=True):
        assert_same(fused, lib.to_host(alone), lib, "fused")


def test_a_window_larger_than_the_image_is_refused(lib: Lib) -> None:
    network = Sequential([Conv2D(2, 1), ReLU(), MaxPool2D(4)])
    params, buffers, _ = network.init((1, 8, 8), Draw(0))
    params = map_tree(params, lib.asarray)
    x = lib.asarray(numpy.ones((2, 1, 3, 3), "float32"))
    with pytest.raises(ShapeError, match=r"max_pool2d: .*\n?.*layers\.2 \(MaxPool2D\)"):
        network.forward(params, buffers, x, Context())


@pytest.mark.parametrize("special", [None, numpy.nan, -numpy.inf, numpy.inf])
@pytest.mark.parametrize("size", [(7, 8), (8, 6)])
def test_the_same_with_and_without(lib: Lib, size: tuple[int, int], special: float | None) -> None:
    layers: list[Layer] = [CONV, ReLU(), POOL, Conv2D(4, 2, bias=False), ReLU(), Conv2D(2, 1)]
    rng = numpy.random.default_rng(0)
    x = rng.integers(-3, 4, (3, 2, *size)) / 4  # with many equal elements
    if special is not None:
        x[1, 0, 2:4, 3] = special
    results: list[list[Array]] = []
    for fuse in (True, False):
        network = Sequential(layers, fuse=fuse)
        params, buffers, _ = network.init(x.shape[1:], Draw(0))
        params = map_tree(params, lambda p: lib.asarray(p.astype("float64")))
        with numpy.errstate(invalid="ignore"):
            y, new_buffers, back = network.forward(
                params, buffers, lib.asarray(x), Context(training=True, grad=True)
            )
            dy = numpy.cos(numpy.arange(math.prod(y.shape))).reshape(y.shape)
            dx, grads = back(lib.asarray(dy))
        assert list(grads) == list(new_buffers) == list(params)
        results.append([y, dx, *flatten(grads).values()])
    for fused, alone in zip(*results, strict=True):
        assert_same(fused, lib.to_host(alone), lib, "fused")


@pytest.mark.parametrize(("n", "is_folded"), [(1, False), (2, True)])
def test_filters_with_more_weights_than_twice_the_pixels_stay(n: int, is_folded: bool) -> None:
    network = Sequential([Conv2D(2, 3, padding=1), BatchNorm(), ReLU()])
    params, buffers, _ = network.init((4, 4, 4), Draw(0))  # 36 weights a filter, 16 pixels
    with traced() as calls:
        network.forward(params, buffers, numpy.ones((n, 4, 4, 4), "float32"), Context())
    folded = ["fold_batch_norm", "conv_relu_pool"]
    names = [name for name, _ in calls if name in (*folded, "batch_norm_inference")]
    assert names == (folded if is_folded else ["batch_norm_inference"])
