"""What every layer promises, one row each: sizes, names of parameters, the op that it applies."""

import copy
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Host, Lib
from xpcnn import layers, ops
from xpcnn.initializers import Draw
from xpcnn.layers import Context, Layer
from xpcnn.types import Array, Shape, flatten, unflatten_like

Op = Callable[..., Array]
IMAGE = (4, 6, 5)


def first(op: Callable[..., Any], **options: Any) -> Op:
    """Return an op without its pullback: of x and the parameters by name."""

    def run(x: Array, **params: Array) -> Array:
        return op(x, *params.values(), **options)[0]

    return run


Shapes = Mapping[str, Shape]
Row = tuple[Layer, Shape, Shape, Shapes, Shapes, Op]

EVERY: list[Row] = [
    # layer, shape of a sample, of its output, of parameters, of buffers, op
    (
        layers.Conv2D(6, (3, 2), stride=(1, 2), padding=1, groups=2),
        *(IMAGE, (6, 6, 3), {"weight": (6, 2, 3, 2), "bias": (6,)}, {}),
        first(ops.conv2d, stride=(1, 2), padding=1, groups=2),
    ),
    (
        layers.Conv2D(3, 2, dilation=2, bias=False),
        *(IMAGE, (3, 4, 3), {"weight": (3, 4, 2, 2)}, {}),
        first(ops.conv2d, dilation=2),
    ),
    (
        layers.Conv2D(3, 2, padding=((0, 1), (1, 0))),
        *(IMAGE, (3, 6, 5), {"weight": (3, 4, 2, 2), "bias": (3,)}, {}),
        first(ops.conv2d, padding=((0, 1), (1, 0))),
    ),
    (
        layers.Conv2D(3, 4, padding="same", stride=(2, 3), bias=False),
        *(IMAGE, (3, 3, 2), {"weight": (3, 4, 4, 4)}, {}),
        first(ops.conv2d, padding="same", stride=(2, 3)),
    ),
    (
        layers.DepthwiseConv2D((3, 2), multiplier=2, stride=2),
        *(IMAGE, (8, 2, 2), {"weight": (8, 1, 3, 2), "bias": (8,)}, {}),
        first(ops.conv2d, groups=4, stride=2),
    ),
    (
        layers.ConvTranspose2D(6, (3, 2), stride=2, padding=1, output_padding=(0, 1), groups=2),
        *(IMAGE, (6, 11, 9), {"weight": (4, 3, 3, 2), "bias": (6,)}, {}),
        first(ops.conv_transpose2d, stride=2, padding=1, output_padding=(0, 1), groups=2),
    ),
    (
        layers.ConvTranspose2D(3, 3, stride=(2, 3), padding="same", bias=False),
        *(IMAGE, (3, 12, 15), {"weight": (4, 3, 3, 3)}, {}),
        first(ops.conv_transpose2d, stride=(2, 3), padding="same"),
    ),
    (
        layers.Dense(3),
        *((7,), (3,), {"weight": (7, 3), "bias": (3,)}, {}),
        first(ops.dense),
    ),
    (layers.Identity(), IMAGE, IMAGE, {}, {}, lambda x: x),
    (layers.Dense(3, bias=False), (7,), (3,), {"weight": (7, 3)}, {}, first(ops.dense)),
    (layers.MaxPool2D(2), IMAGE, (4, 3, 2), {}, {}, first(ops.max_pool2d, size=2)),
    (
        layers.MaxPool2D(3, stride=2, padding=1, ceil_mode=True),
        *(IMAGE, (4, 4, 3), {}, {}),
        first(ops.max_pool2d, size=3, stride=2, padding=1, ceil_mode=True),
    ),
    (
        layers.MinPool2D(2, stride=1),
        *(IMAGE, (4, 5, 4), {}, {}),
        lambda x: -ops.max_pool2d(-x, size=2, stride=1)[0],
    ),
    (
        layers.AvgPool2D(3, padding=1, count_include_pad=False),
        *(IMAGE, (4, 2, 2), {}, {}),
        first(ops.avg_pool2d, size=3, padding=1, count_include_pad=False),
    ),
    (
        layers.AdaptiveAvgPool2D((4, 2)),
        *(IMAGE, (4, 4, 2), {}, {}),
        first(ops.adaptive_avg_pool2d, size=(4, 2)),
    ),
    (
        layers.AdaptiveAvgPool2D((3, 1)),
        IMAGE,
        (4, 3, 1),
        {},
        {},
        first(ops.avg_pool2d, size=(2, 5)),
    ),
    (
        layers.AdaptiveMaxPool2D(4),
        *(IMAGE, (4, 4, 4), {}, {}),
        first(ops.adaptive_max_pool2d, size=4),
    ),
    (
        layers.AdaptiveMaxPool2D((3, 1)),
        IMAGE,
        (4, 3, 1),
        {},
        {},
        first(ops.max_pool2d, size=(2, 5)),
    ),
    (layers.GlobalAvgPool2D(), IMAGE, (4,), {}, {}, first(ops.global_avg_pool2d)),
    (layers.GlobalMaxPool2D(), IMAGE, (4,), {}, {}, first(ops.global_max_pool2d)),
    (layers.Flatten(), IMAGE, (120,), {}, {}, first(ops.flatten)),
    (layers.Reshape((6, -1)), IMAGE, (6, 20), {}, {}, first(ops.reshape, shape=(6, 20))),
    (
        layers.BatchNorm(eps=0.1),
        *(IMAGE, IMAGE, {"gamma": (4,), "beta": (4,)}, {"mean": (4,), "var": (4,)}),
        lambda x, gamma, beta: ops.batch_norm(x, gamma, beta, eps=0.1)[0][0],
    ),
    (
        layers.BatchNorm(),
        *((3,), (3,), {"gamma": (3,), "beta": (3,)}, {"mean": (3,), "var": (3,)}),
        lambda x, gamma, beta: ops.batch_norm(x, gamma, beta)[0][0],
    ),
    (
        layers.LayerNorm(eps=0.1),
        *(IMAGE, IMAGE, {"gamma": IMAGE, "beta": IMAGE}, {}),
        first(ops.layer_norm, axes=(1, 2, 3), eps=0.1),
    ),
    (
        layers.LayerNorm(1),
        *(IMAGE, IMAGE, {"gamma": (4,), "beta": (4,)}, {}),
        first(ops.layer_norm, axes=(1,)),
    ),
    (
        layers.GroupNorm(2, eps=0.1),
        *(IMAGE, IMAGE, {"gamma": (4,), "beta": (4,)}, {}),
        first(ops.group_norm, groups=2, eps=0.1),
    ),
    (layers.Upsample((2, 1)), IMAGE, (4, 12, 5), {}, {}, first(ops.upsample2d, size=(12, 5))),
    (
        layers.Upsample(2, "bilinear"),
        *(IMAGE, (4, 12, 10), {}, {}),
        first(ops.upsample2d, size=(12, 10), mode="bilinear"),
    ),
    (layers.PReLU(), IMAGE, IMAGE, {"slope": (4,)}, {}, first(ops.prelu)),
    (layers.ReLU(), IMAGE, IMAGE, {}, {}, first(ops.relu)),
    (layers.ReLU6(), IMAGE, IMAGE, {}, {}, first(ops.relu6)),
    (layers.LeakyReLU(0.3), IMAGE, IMAGE, {}, {}, first(ops.leaky_relu, slope=0.3)),
    (layers.ELU(0.5), IMAGE, IMAGE, {}, {}, first(ops.elu, alpha=0.5)),
    (layers.SELU(), IMAGE, IMAGE, {}, {}, first(ops.selu)),
    (layers.GELU(), IMAGE, IMAGE, {}, {}, first(ops.gelu)),
    (layers.GELU("tanh"), IMAGE, IMAGE, {}, {}, first(ops.gelu, approximate="tanh")),
    (layers.SiLU(), IMAGE, IMAGE, {}, {}, first(ops.silu)),
    (layers.Mish(), IMAGE, IMAGE, {}, {}, first(ops.mish)),
    (layers.Softplus(2.0), IMAGE, IMAGE, {}, {}, first(ops.softplus, beta=2.0)),
    (layers.Softsign(), IMAGE, IMAGE, {}, {}, first(ops.softsign)),
    (layers.HardSigmoid(), IMAGE, IMAGE, {}, {}, first(ops.hard_sigmoid)),
    (
        layers.HardSigmoid(0.25, 0.4),
        *(IMAGE, IMAGE, {}, {}),
        first(ops.hard_sigmoid, slope=0.25, offset=0.4),
    ),
    (layers.HardSwish(), IMAGE, IMAGE, {}, {}, first(ops.hard_swish)),
    (layers.HardTanh(-0.5, 1.5), IMAGE, IMAGE, {}, {}, first(ops.hard_tanh, low=-0.5, high=1.5)),
    (layers.Sigmoid(), IMAGE, IMAGE, {}, {}, first(ops.sigmoid)),
    (layers.Tanh(), IMAGE, IMAGE, {}, {}, first(ops.tanh)),
    (layers.Softmax(), (5,), (5,), {}, {}, first(ops.softmax)),
    (layers.LogSoftmax(axis=1), IMAGE, IMAGE, {}, {}, first(ops.log_softmax, axis=1)),
    (
        layers.Activation(lambda x: x * x, lambda x: 2 * x),
        *(IMAGE, IMAGE, {}, {}),
        lambda x: x * x,
    ),
]
every_layer = pytest.mark.parametrize(
    "row", EVERY, ids=lambda row: str(row[0]).split(" at 0x")[0][:60]
)


def test_every_layer_has_a_row() -> None:
    rows = {type(row[0]).__name__ for row in EVERY}
    elsewhere = {"Sequential", "Residual", "Multiply", "Concat"}
    elsewhere |= {"Dropout", "SpatialDropout", "StochasticDepth"}  # in files of their own
    no_layers = {"Context", "Layer", "LayerPullback"}
    assert rows == set(layers.__all__) - elsewhere - no_layers


def shapes(arrays: dict[str, Any]) -> dict[str, Shape]:
    return {name: a.shape for name, a in arrays.items()}


@every_layer
def test_sizes_and_names(row: Row) -> None:
    layer, shape, out, params, buffers, _ = row
    drawn, stats, promised = layer.init(shape, Draw(0))
    assert promised == out
    assert shapes(drawn) == params
    assert shapes(stats) == buffers
    assert all(a.dtype == "float32" for a in (drawn | stats).values())


def drawn(layer: Layer, shape: Shape, dtype: str) -> tuple[dict[str, Host], dict[str, Host], Host]:
    """Return parameters away from their first values, buffers, and a batch of two."""
    rng = numpy.random.default_rng(0)
    params, buffers, _ = layer.init(shape, Draw(0))
    noisy = {name: (p + rng.uniform(0.1, 1, p.shape)).astype(dtype) for name, p in params.items()}
    stats = {name: b.astype(dtype) for name, b in buffers.items()}
    return noisy, stats, rng.uniform(-2, 2, (2, *shape)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_layer
def test_forward_is_the_op_and_keeps_the_dtype(lib: Lib, row: Row, dtype: str) -> None:
    layer, shape, _, _, _, op = row
    params, buffers, x = drawn(layer, shape, dtype)
    on_device = {name: lib.asarray(p) for name, p in params.items()}
    stats = {name: lib.asarray(b) for name, b in buffers.items()}
    y, new, back = layer.forward(on_device, stats, lib.asarray(x), Context(True, grad=True))
    expected = lib.to_host(op(lib.asarray(x), **on_device))
    assert_same(y, expected.astype(dtype), lib, "y")
    dx, grads = back(lib.asarray(numpy.ones(tuple(y.shape), dtype)))
    assert_same(dx, lib.to_host(dx).astype(dtype).reshape(x.shape), lib, "dx")
    assert grads.keys() == params.keys()
    for name, g in grads.items():
        assert_same(g, lib.to_host(g).astype(dtype).reshape(params[name].shape), lib, name)
    assert new.keys() == buffers.keys()
    for name, b in new.items():
        assert_same(b, lib.to_host(b).astype(dtype).reshape(buffers[name].shape), lib, name)


@every_layer
def test_dx_is_left_out_where_it_is_not_wanted(row: Row) -> None:
    layer, shape, out, _, _, _ = row
    params, buffers, x = drawn(layer, shape, "float32")
    _, _, back = layer.forward(params, buffers, x, Context(True, grad=True))
    dx, grads = back(numpy.ones((2, *out), "float32"), want_dx=False)
    assert dx is None
    assert all(g is not None for g in grads.values())


@every_layer
def test_a_layer_is_a_value(row: Row) -> None:
    """Frozen, hashable and equal by its fields: nothing of a run is kept on it."""
    layer, shape, *_ = row
    before = repr(layer)
    params, buffers, x = drawn(layer, shape, "float32")
    layer.forward(params, buffers, x, Context(True, grad=True))
    assert repr(layer) == before
    assert hash(layer) == hash(layer)
    assert copy.deepcopy(layer) == layer
    if not isinstance(layer, layers.Activation):  # of functions
        again = pickle.loads(pickle.dumps(layer))
        assert again == layer
        assert repr(again) == before
    with pytest.raises(AttributeError):
        layer.something = 1  # type: ignore[attr-defined]  # on purpose


def test_a_seed_and_a_path_make_the_parameters() -> None:
    layer = layers.Dense(3)
    one, two = layer.init((2,), Draw(0).at("a"))[0], layer.init((2,), Draw(0).at("a"))[0]
    other = layer.init((2,), Draw(0).at("b"))[0]
    assert one["weight"].tolist() == two["weight"].tolist() != other["weight"].tolist()


def test_flat_paths_go_there_and_back() -> None:
    network = layers.Sequential([layers.Dense(2), layers.ReLU(), layers.Residual(layers.Dense(2))])
    params, _, _ = network.init((2,), Draw(0))
    flat = flatten(params)
    assert list(flat) == [
        "layers.0.weight",
        "layers.0.bias",
        "layers.2.body.weight",
        "layers.2.body.bias",
    ]
    again = unflatten_like(params, flat)
    assert again.keys() == params.keys()
    assert flatten(again).keys() == flat.keys()
