"""The ONNX operators (opset 17) that compute what each layer computes in inference.

Where an operator of ONNX is younger than opset 17, or runtimes differ in it, the layer is composed
of operators that all have. `WRITERS` is the table of all layers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy

from xpcnn import layers as public
from xpcnn.io.onnx.exporting.activation_nodes import (
    gelu,
    hard_tanh,
    mish,
    prelu,
    relu6,
    silu,
    softplus,
)
from xpcnn.io.onnx.exporting.builder import Builder, Own, Writer, parameters
from xpcnn.io.onnx.exporting.pooling_nodes import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    global_pool,
    max_pool,
    min_pool,
    pads,
)
from xpcnn.io.onnx.exporting.sample_norm_nodes import group_norm, layer_norm
from xpcnn.layers import Layer
from xpcnn.ops.reference.conv_transpose import transposed_windows
from xpcnn.ops.reference.windows import Windows, pair
from xpcnn.sizes import sizes_of


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
        *(x, *parameters(graph, own, "weight", "bias")),
        kernel_shape=windows.size,
        strides=windows.stride,
        dilations=windows.dilation,
        group=layer.groups_of(own.params["weight"]),
        pads=pads(windows.sides),
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
        *(x, *parameters(graph, own, "weight", "bias")),
        kernel_shape=windows.size,
        strides=windows.stride,
        dilations=windows.dilation,
        group=layer.groups,
        pads=pads(windows.sides),
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
    return graph.node("Gemm", x, *parameters(graph, own, "weight", "bias"))


def _batch_norm(graph: Builder, layer: public.BatchNorm, own: Own, x: str) -> str:
    moments = [graph.constant(name, own.buffers[name]) for name in ("mean", "var")]
    learnt = parameters(graph, own, "gamma", "beta")
    return graph.node("BatchNormalization", x, *learnt, *moments, epsilon=layer.eps)


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
    public.MaxPool2D: max_pool,
    public.MinPool2D: min_pool,
    public.AvgPool2D: avg_pool,
    public.AdaptiveAvgPool2D: adaptive_avg_pool,
    public.AdaptiveMaxPool2D: adaptive_max_pool,
    public.GlobalAvgPool2D: global_pool("GlobalAveragePool"),
    public.GlobalMaxPool2D: global_pool("GlobalMaxPool"),
    public.Flatten: _operator("Flatten"),
    public.Reshape: _reshape,
    public.Identity: _same,
    public.Dropout: _same,
    public.SpatialDropout: _same,
    public.StochasticDepth: _same,
    public.ReLU: _operator("Relu"),
    public.LeakyReLU: _operator("LeakyRelu", alpha="slope"),
    public.ELU: _operator("Elu", alpha="alpha"),
    public.SELU: _operator("Selu"),
    public.GELU: gelu,
    public.SiLU: silu,
    public.Mish: mish,
    public.Softplus: softplus,
    public.Softsign: _operator("Softsign"),
    public.HardSigmoid: _operator("HardSigmoid", alpha="slope", beta="offset"),
    public.HardTanh: hard_tanh,
    public.ReLU6: relu6,
    public.HardSwish: _operator("HardSwish"),
    public.Sigmoid: _operator("Sigmoid"),
    public.Tanh: _operator("Tanh"),
    public.Softmax: _operator("Softmax", axis="axis"),
    public.LogSoftmax: _operator("LogSoftmax", axis="axis"),
    public.PReLU: prelu,
}
