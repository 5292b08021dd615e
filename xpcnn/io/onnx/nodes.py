"""The ONNX operators (opset 17) that compute what each layer computes in inference.

Where an operator of ONNX is younger than opset 17, or runtimes differ in it, the layer is composed
of operators that all have: windows of `ceil_mode` become padding at the end, for one.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy

from xpcnn import layers as public
from xpcnn.io.onnx.builder import Builder
from xpcnn.io.onnx.sample_norm import group_norm, layer_norm
from xpcnn.layers import Layer
from xpcnn.layers.pool import Pool2D
from xpcnn.ops.reference.adaptive import spans
from xpcnn.ops.reference.conv_transpose import transposed_windows
from xpcnn.ops.reference.windows import Sides, Windows, pair
from xpcnn.sizes import sizes_of
from xpcnn.types import Params, Shape


class Own(NamedTuple):
    """What a layer has: its parameters and buffers on the host, and the shape of its input."""

    params: Params
    buffers: Params
    shape: Shape


Writer = Callable[[Builder, Any, Own, str], str]
"""(graph, layer, what it has, name of its input) -> name of its output."""


def write(graph: Builder, layer: Layer, own: Own, x: str) -> str:
    """Add the nodes of a layer; return the name of its output."""
    return WRITERS[type(layer)](graph, layer, own, x)


def unwritten(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield the layers that have no ONNX form, with their paths."""
    if type(layer) not in WRITERS:
        yield path, layer
    elif hasattr(layer, "children"):
        for name, child in layer.children():
            yield from unwritten(child, f"{path}.{name}" if path else name)


def _child(graph: Builder, name: str, layer: Layer, own: Own, x: str) -> str:
    before = graph.path
    graph.path = f"{before}.{name}" if before else name
    try:
        return write(graph, layer, Own(own.params[name], own.buffers[name], own.shape), x)
    finally:
        graph.path = before


def _sequential(graph: Builder, layer: public.Sequential, own: Own, x: str) -> str:
    for name, child in layer.children():
        x = _child(graph, name, child, own, x)
        own = own._replace(shape=sizes_of(child, own.shape).output)
    return x


def _residual(graph: Builder, layer: public.Residual, own: Own, x: str) -> str:
    branches = [_child(graph, name, child, own, x) for name, child in layer.children()]
    return graph.node("Add", branches[0], branches[1] if len(branches) > 1 else x)


def _multiply(graph: Builder, layer: public.Multiply, own: Own, x: str) -> str:
    gate, *others = [_child(graph, name, child, own, x) for name, child in layer.children()]
    shape = sizes_of(layer.body, own.shape).output
    around = sizes_of(layer, own.shape).output
    if len(shape) < len(around):  # one number for each channel
        full = [0, *shape, *(1,) * (len(around) - len(shape))]
        gate = graph.node("Reshape", gate, graph.constant("shape", numpy.array(full)))
    return graph.node("Mul", others[0] if others else x, gate)


def _concat(graph: Builder, layer: public.Concat, own: Own, x: str) -> str:
    branches = [_child(graph, name, child, own, x) for name, child in layer.children()]
    return graph.node("Concat", *branches, axis=1)


def _conv(graph: Builder, layer: public.Conv2D | public.DepthwiseConv2D, own: Own, x: str) -> str:
    h, w = own.shape[1:]
    windows = Windows.of((h, w), layer.size, layer.stride, layer.padding, layer.dilation)
    return graph.node(
        "Conv",
        *(x, *_parameters(graph, own, "weight", "bias")),
        kernel_shape=windows.size,
        strides=windows.stride,
        dilations=windows.dilation,
        group=layer.groups_of(own.params["weight"]),
        pads=_pads(windows.sides),
    )


def _conv_transpose(graph: Builder, layer: public.ConvTranspose2D, own: Own, x: str) -> str:
    h, w = own.shape[1:]
    hyperparameters = layer.size, layer.stride, layer.padding, layer.output_padding, layer.dilation
    windows = transposed_windows((h, w), *hyperparameters)
    (top, bottom), (left, right) = windows.sides
    ho, wo = windows.image
    (sh, sw), (dh, dw), (kh, kw) = windows.stride, windows.dilation, windows.size
    more = (  # rows and columns beyond the last window
        ho - (sh * (h - 1) + dh * (kh - 1) + 1 - top - bottom),
        wo - (sw * (w - 1) + dw * (kw - 1) + 1 - left - right),
    )
    return graph.node(
        "ConvTranspose",
        *(x, *_parameters(graph, own, "weight", "bias")),
        kernel_shape=windows.size,
        strides=windows.stride,
        dilations=windows.dilation,
        group=layer.groups,
        pads=_pads(windows.sides),
        output_padding=more,
    )


def _upsample(graph: Builder, layer: public.Upsample, own: Own, x: str) -> str:
    scales = graph.constant("scales", numpy.array([1, 1, *pair(layer.factor)], "f4"))
    if layer.mode == "nearest":
        how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return graph.node("Resize", x, "", scales, mode="nearest", **how)
    return graph.node(
        "Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel"
    )


def _dense(graph: Builder, layer: public.Dense, own: Own, x: str) -> str:
    return graph.node("Gemm", x, *_parameters(graph, own, "weight", "bias"))


def _batch_norm(graph: Builder, layer: public.BatchNorm, own: Own, x: str) -> str:
    moments = [graph.constant(name, own.buffers[name]) for name in ("mean", "var")]
    learnt = _parameters(graph, own, "gamma", "beta")
    return graph.node("BatchNormalization", x, *learnt, *moments, epsilon=layer.eps)


def _parameters(graph: Builder, own: Own, *names: str) -> list[str]:
    return [graph.constant(name, own.params[name]) for name in names if name in own.params]


def _pads(around: Sides) -> list[int]:
    (top, bottom), (left, right) = around
    return [top, left, bottom, right]


def _windows(layer: Pool2D, shape: Shape) -> Windows:
    stride = layer.size if layer.stride is None else layer.stride
    h, w = shape[1:]
    return Windows.of((h, w), layer.size, stride, layer.padding, 1, layer.ceil_mode)


def _max_pool(graph: Builder, layer: Pool2D, own: Own, x: str) -> str:
    windows = _windows(layer, own.shape)
    return _pool(graph, "MaxPool", x, windows, _with_overhang(windows, windows.sides))


def _min_pool(graph: Builder, layer: public.MinPool2D, own: Own, x: str) -> str:
    return graph.node("Neg", _max_pool(graph, layer, own, graph.node("Neg", x)))


def _avg_pool(graph: Builder, layer: public.AvgPool2D, own: Own, x: str) -> str:
    windows = _windows(layer, own.shape)
    if not layer.count_include_pad:
        around = _with_overhang(windows, windows.sides)
        return _pool(graph, "AveragePool", x, windows, around, count_include_pad=0)
    if windows.overhang == (0, 0):
        return _pool(graph, "AveragePool", x, windows, windows.sides, count_include_pad=1)
    # the mean counts the zeros of the padding, but not what lies beyond them
    top, left, bottom, right = _pads(windows.sides)
    ends = graph.constant("pads", [0, 0, top, left, 0, 0, bottom, right])
    padded = graph.node("Pad", x, ends)
    beyond = _with_overhang(windows, ((0, 0), (0, 0)))
    return _pool(graph, "AveragePool", padded, windows, beyond, count_include_pad=0)


def _with_overhang(windows: Windows, around: Sides) -> Sides:
    """Return padding that reaches as far as the last windows of `ceil_mode`."""
    (top, bottom), (left, right) = around
    down, across = windows.overhang
    return (top, bottom + down), (left, right + across)


def _pool(
    graph: Builder, operator: str, x: str, windows: Windows, around: Sides, **more: int
) -> str:
    return graph.node(
        operator,
        x,
        kernel_shape=windows.size,
        strides=windows.stride,
        pads=_pads(around),
        **more,
    )


def _adaptive_avg_pool(graph: Builder, layer: public.AdaptiveAvgPool2D, own: Own, x: str) -> str:
    """The means of rows, then of columns, as products with matrices of 1/N and 0."""
    (_, h, w), (ho, wo) = own.shape, pair(layer.size)
    if h % ho == 0 and w % wo == 0:
        size = (h // ho, w // wo)
        return graph.node("AveragePool", x, kernel_shape=size, strides=size)
    x = graph.node("MatMul", graph.constant("rows", _means(h, ho)), x)
    return graph.node("MatMul", x, graph.constant("columns", _means(w, wo).T))


def _means(length: int, parts: int) -> numpy.ndarray:
    """Return the matrix (parts, length) that takes the mean over each window of an axis."""
    matrix = numpy.zeros((parts, length))
    for row, span in zip(matrix, spans(length, parts), strict=True):
        row[span.start : span.stop] = 1 / len(span)
    return matrix


def _adaptive_max_pool(graph: Builder, layer: public.AdaptiveMaxPool2D, own: Own, x: str) -> str:
    """The largest of rows, then of columns."""
    for axis, parts in zip((2, 3), pair(layer.size), strict=True):
        along = graph.constant("axis", numpy.array([axis]))
        found = [
            graph.node("ReduceMax", _cut(graph, x, along, span), axes=[axis])
            for span in spans(own.shape[axis - 1], parts)
        ]
        x = graph.node("Concat", *found, axis=axis)
    return x


def _cut(graph: Builder, x: str, along: str, span: range) -> str:
    start, stop = (graph.constant("end", numpy.array([place])) for place in (span.start, span.stop))
    return graph.node("Slice", x, start, stop, along)


def _global_pool(operator: str) -> Writer:
    return lambda graph, layer, own, x: graph.node("Flatten", graph.node(operator, x))


def _reshape(graph: Builder, layer: public.Reshape, own: Own, x: str) -> str:
    shape = sizes_of(layer, own.shape).output
    return graph.node("Reshape", x, graph.constant("shape", [0, *shape]))  # 0: as it was


def _same(graph: Builder, layer: Layer, own: Own, x: str) -> str:
    return x


def _operator(name: str, **attributes: Any) -> Writer:
    """Return the writer of one operator; attributes that are texts name fields of the layer."""

    def writer(graph: Builder, layer: Layer, own: Own, x: str) -> str:
        values = {
            key: getattr(layer, value) if isinstance(value, str) else value
            for key, value in attributes.items()
        }
        return graph.node(name, x, **values)

    return writer


def _hard_tanh(graph: Builder, layer: public.HardTanh, own: Own, x: str) -> str:
    return _clipped(graph, x, layer.low, layer.high)


def _relu6(graph: Builder, layer: Layer, own: Own, x: str) -> str:
    return _clipped(graph, x, 0.0, 6.0)


def _clipped(graph: Builder, x: str, low: float, high: float) -> str:
    return graph.node("Clip", x, graph.constant("low", low), graph.constant("high", high))


def _silu(graph: Builder, layer: Layer, own: Own, x: str) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def _mish(graph: Builder, layer: Layer, own: Own, x: str) -> str:
    return graph.node("Mul", x, graph.node("Tanh", graph.node("Softplus", x)))


def _gelu(graph: Builder, layer: public.GELU, own: Own, x: str) -> str:
    """x (1 + erf(x / sqrt 2)) / 2, or with tanh(sqrt(2/pi) (x + 0.044715 x^3)) for erf."""
    half, one = graph.constant("half", 0.5), graph.constant("one", 1.0)
    if layer.approximate == "tanh":
        cube = graph.node("Mul", graph.node("Mul", x, x), x)
        small = graph.node("Mul", cube, graph.constant("cubic", 0.044715))
        root = graph.constant("root", math.sqrt(2 / math.pi))
        inner = graph.node("Mul", graph.node("Add", x, small), root)
        squashed = graph.node("Tanh", inner)
    else:
        inner = graph.node("Mul", x, graph.constant("root", math.sqrt(0.5)))
        squashed = graph.node("Erf", inner)
    return graph.node("Mul", graph.node("Mul", x, graph.node("Add", squashed, one)), half)


def _softplus(graph: Builder, layer: public.Softplus, own: Own, x: str) -> str:
    beta = graph.constant("beta", layer.beta)
    scaled = x if layer.beta == 1 else graph.node("Mul", x, beta)
    y = graph.node("Softplus", scaled)
    if layer.beta != 1:
        y = graph.node("Div", y, beta)
    large = graph.node("Greater", scaled, graph.constant("threshold", layer.threshold))
    return graph.node("Where", large, x, y)


def _prelu(graph: Builder, layer: public.PReLU, own: Own, x: str) -> str:
    shape = (-1,) + (1,) * (len(own.shape) - 1)
    return graph.node("PRelu", x, graph.constant("slope", own.params["slope"].reshape(shape)))


WRITERS: Mapping[type, Writer] = {
    public.Sequential: _sequential,
    public.Residual: _residual,
    public.Multiply: _multiply,
    public.Concat: _concat,
    public.Conv2D: _conv,
    public.DepthwiseConv2D: _conv,
    public.ConvTranspose2D: _conv_transpose,
    public.Upsample: _upsample,
    public.Dense: _dense,
    public.BatchNorm: _batch_norm,
    public.LayerNorm: lambda graph, layer, own, x: layer_norm(
        graph, layer, own.params, own.shape, x
    ),
    public.GroupNorm: lambda graph, layer, own, x: group_norm(
        graph, layer, own.params, own.shape, x
    ),
    public.MaxPool2D: _max_pool,
    public.MinPool2D: _min_pool,
    public.AvgPool2D: _avg_pool,
    public.AdaptiveAvgPool2D: _adaptive_avg_pool,
    public.AdaptiveMaxPool2D: _adaptive_max_pool,
    public.GlobalAvgPool2D: _global_pool("GlobalAveragePool"),
    public.GlobalMaxPool2D: _global_pool("GlobalMaxPool"),
    public.Flatten: _operator("Flatten"),
    public.Reshape: _reshape,
    public.Dropout: _same,
    public.SpatialDropout: _same,
    public.StochasticDepth: _same,
    public.ReLU: _operator("Relu"),
    public.LeakyReLU: _operator("LeakyRelu", alpha="slope"),
    public.ELU: _operator("Elu", alpha="alpha"),
    public.SELU: _operator("Selu"),
    public.GELU: _gelu,
    public.SiLU: _silu,
    public.Mish: _mish,
    public.Softplus: _softplus,
    public.Softsign: _operator("Softsign"),
    public.HardSigmoid: _operator("HardSigmoid", alpha="slope", beta="offset"),
    public.HardTanh: _hard_tanh,
    public.ReLU6: _relu6,
    public.HardSwish: _operator("HardSwish"),
    public.Sigmoid: _operator("Sigmoid"),
    public.Tanh: _operator("Tanh"),
    public.Softmax: _operator("Softmax", axis="axis"),
    public.LogSoftmax: _operator("LogSoftmax", axis="axis"),
    public.PReLU: _prelu,
}
