"""ONNX operators with weights or windows as layers: convolutions, matrices, batch norm, pooling."""

from collections.abc import Callable

import numpy

from xpcnn import layers
from xpcnn.errors import counted
from xpcnn.io.onnx.importing.calls import Call, Result, Value, as_float32
from xpcnn.io.onnx.importing.parts import Host, Leaf, Shaped
from xpcnn.io.onnx.importing.source import Refused
from xpcnn.layers import Layer
from xpcnn.ops.reference.windows import Padding, Sides, sides
from xpcnn.types import Shape


def conv(call: Call) -> Result:
    call.images()
    weight = call.weights(1, 4)
    filters, _, kh, kw = weight.shape
    size = call.node.wholes("kernel_shape", (kh, kw), 2)
    if size != (kh, kw):
        raise Refused(f"kernel_shape is {size}, the filters are {kh} x {kw}")
    stride, dilation = _pairs(call, "strides"), _pairs(call, "dilations")
    params = {"weight": weight}
    if call.optional(2) is not None:
        params["bias"] = call.weights(2, 1)
    layer = layers.Conv2D(
        filters,
        (kh, kw),
        stride=stride,
        padding=_short(_around(call, (kh, kw), stride, dilation)),
        dilation=dilation,
        groups=call.node.whole("group", 1),
        bias="bias" in params,
    )
    return call.made(Leaf(layer, params))


def conv_transpose(call: Call) -> Result:
    call.images()
    weight = call.weights(1, 4)
    kh, kw = weight.shape[2:]
    if call.node.wholes("kernel_shape", (kh, kw), 2) != (kh, kw):
        raise Refused(f"kernel_shape differs from its filters, {kh} x {kw}")
    if call.node.text("auto_pad", "NOTSET") not in ("NOTSET", "", "VALID"):
        raise Refused(f"auto_pad is {call.node.text('auto_pad', '')!r}")
    if call.node.wholes("output_shape", ()):
        raise Refused("output_shape is given")
    stride, dilation = _pairs(call, "strides"), _pairs(call, "dilations")
    groups = call.node.whole("group", 1)
    more = call.node.wholes("output_padding", (0, 0), 2)
    params = {"weight": weight}
    if call.optional(2) is not None:
        params["bias"] = call.weights(2, 1)
    layer = layers.ConvTranspose2D(
        weight.shape[1] * groups,
        (kh, kw),
        stride=stride,
        padding=_short(_around(call, (kh, kw), stride, dilation)),
        output_padding=(more[0], more[1]),
        dilation=dilation,
        groups=groups,
        bias="bias" in params,
    )
    return call.made(Leaf(layer, params))


def resize(call: Call) -> Result:
    """Upsampling by whole factors: nearest or bilinear, the two modes of the layer."""
    call.images()
    scales = call.optional(2)
    if scales is None or scales.size != 4 or not (scales == scales.round()).all():
        raise Refused("it has no scales that are whole numbers")
    n, c, rows, columns = (int(scale) for scale in scales.reshape(-1))
    if (n, c) != (1, 1) or min(rows, columns) < 1:
        raise Refused(f"its scales are {n}, {c}, {rows}, {columns}")
    mode = call.node.text("mode", "nearest")
    kinds = {
        ("nearest", "asymmetric", "floor"): "nearest",
        ("linear", "half_pixel", None): "bilinear",
    }
    how = call.node.text("coordinate_transformation_mode", "half_pixel")
    nearest = call.node.text("nearest_mode", "round_prefer_floor") if mode == "nearest" else None
    if (mode, how, nearest) not in kinds:
        raise Refused(f"its mode is {mode}, {how}{'' if nearest is None else f', {nearest}'}")
    return call.made(layers.Upsample((rows, columns), kinds[mode, how, nearest]))


def _pairs(call: Call, name: str) -> tuple[int, int]:
    first, second = call.node.wholes(name, (1, 1), 2)
    return first, second


def _around(
    call: Call, size: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> Sides:
    """Return the padding of windows, which may be given as a rule."""
    rule = call.node.text("auto_pad", "NOTSET")
    if rule in ("NOTSET", ""):
        top, left, bottom, right = call.node.wholes("pads", (0,) * 4, 4)
        return (top, bottom), (left, right)
    if rule == "VALID":
        return (0, 0), (0, 0)
    if rule not in ("SAME_UPPER", "SAME_LOWER"):
        raise Refused(f"auto_pad is {rule!r}")
    if min(stride) < 1:
        raise Refused(f"strides are {stride}")
    _, h, w = call.images()
    (top, bottom), (left, right) = sides("same", (h, w), size, stride, dilation)
    upper = rule == "SAME_UPPER"
    return ((top, bottom), (left, right)) if upper else ((bottom, top), (right, left))


def _short(around: Sides) -> Padding:
    """Return padding in its shortest form, as fusions look for it."""
    (top, bottom), (left, right) = around
    if (top, left) != (bottom, right):
        return around
    return top if top == left else (top, left)


def gemm(call: Call) -> Result:
    if call.node.whole("transA", 0):
        raise Refused("transA is 1")
    alpha, beta = call.node.number("alpha", 1.0), call.node.number("beta", 1.0)
    weight = call.weights(1, 2)
    matrix = alpha * (weight.T if call.node.whole("transB", 0) else weight)
    bias = call.optional(2)
    return _dense(call, matrix, None if bias is None else beta * as_float32(bias))


def matmul(call: Call) -> Result:
    return _dense(call, call.weights(1, 2), None)


def _dense(call: Call, matrix: Host, bias: Host | None) -> Result:
    if len(call.in_order()) != 1:
        raise Refused(f"its samples have shape {call.x.shape}, expected rows")
    units = matrix.shape[1]
    params = {"weight": numpy.ascontiguousarray(matrix, "f4")}
    if bias is not None:
        if bias.size not in (1, units):
            raise Refused(f"its bias has shape {bias.shape} for {counted(units, 'output')}")
        params["bias"] = numpy.array(numpy.broadcast_to(bias.reshape(-1), (units,)), "f4")
    return call.made(Leaf(layers.Dense(units, bias=bias is not None), params))


def batch_norm(call: Call) -> Result:
    if call.node.whole("training_mode", 0):
        raise Refused("training_mode is 1")
    call.in_order()
    gamma, beta, mean, var = (call.weights(place, 1) for place in range(1, 5))
    layer = layers.BatchNorm(eps=call.node.number("epsilon", 1e-5))
    return call.made(Leaf(layer, {"gamma": gamma, "beta": beta}, {"mean": mean, "var": var}))


def pool(kind: type[layers.MaxPool2D] | type[layers.AvgPool2D]) -> Callable[[Call], Result]:
    def rule(call: Call) -> Result:
        kh, kw = call.node.wholes("kernel_shape", None, 2)
        stride = _pairs(call, "strides")
        if _pairs(call, "dilations") != (1, 1):
            raise Refused("dilations are not 1")
        if call.node.whole("storage_order", 0):
            raise Refused("storage_order is 1")
        around = _short(_around(call, (kh, kw), stride, (1, 1)))
        whole = bool(call.node.whole("ceil_mode", 0))
        call.images()
        size, step = (kh, kw), None if stride == (kh, kw) else stride
        if kind is layers.MaxPool2D:
            return call.made(layers.MaxPool2D(size, stride=step, padding=around, ceil_mode=whole))
        counted = bool(call.node.whole("count_include_pad", 0)) or around == 0
        return call.made(
            layers.AvgPool2D(
                size, stride=step, padding=around, ceil_mode=whole, count_include_pad=counted
            )
        )

    return rule


def global_pool(layer: Layer) -> Callable[[Call], Result]:
    def rule(call: Call) -> Result:
        c, _, _ = call.images()
        return _pooled(call, layer, (c, 1, 1))

    return rule


def _pooled(call: Call, layer: Layer, shape: Shape) -> Result:
    c = call.x.shape[0]
    parts = (Leaf(layer), Shaped((c,), shape))
    order = call.x.order if len(shape) == 3 else (0, 1)
    return Result(Value(shape, order), parts)


def reduce(layer: Layer) -> Callable[[Call], Result]:
    """Return the rule of a reduction, which is a global pooling if it is over rows and columns."""

    def rule(call: Call) -> Result:
        rank = len(call.x.order)
        axes = call.whole_numbers("axes", 1) or list(range(rank))
        found = {axis + rank if axis < 0 else axis for axis in axes}
        if rank != 4 or not found <= {*range(4)} or {call.x.order[i] for i in found} != {2, 3}:
            raise Refused(f"axes are {axes}, expected those of rows and columns")
        c = call.x.shape[0]
        return _pooled(call, layer, (c, 1, 1) if call.node.whole("keepdims", 1) else (c,))

    return rule
