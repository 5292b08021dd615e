"""Pooling as ONNX operators of opset 17.

Runtimes differ in `ceil_mode`, so its windows become padding at the end.
"""

import numpy

from xpcnn import layers as public
from xpcnn.io.onnx.exporting.builder import Builder, Own, Writer
from xpcnn.layers.pool import Pool2D
from xpcnn.ops.reference.adaptive import spans
from xpcnn.ops.reference.windows import Sides, Windows, pair
from xpcnn.types import Shape


def pads(around: Sides) -> list[int]:
    """Return padding as ONNX has it: all beginnings, then all ends."""
    (top, bottom), (left, right) = around
    return [top, left, bottom, right]


def _windows(layer: Pool2D, shape: Shape) -> Windows:
    stride = layer.size if layer.stride is None else layer.stride
    h, w = shape[1:]
    return Windows.of((h, w), layer.size, stride, layer.padding, 1, layer.ceil_mode)


def max_pool(graph: Builder, layer: Pool2D, own: Own, x: str) -> str:
    windows = _windows(layer, own.shape)
    return _pool(graph, "MaxPool", x, windows, _with_overhang(windows, windows.sides))


def min_pool(graph: Builder, layer: public.MinPool2D, own: Own, x: str) -> str:
    return graph.node("Neg", max_pool(graph, layer, own, graph.node("Neg", x)))


def avg_pool(graph: Builder, layer: public.AvgPool2D, own: Own, x: str) -> str:
    windows = _windows(layer, own.shape)
    if not layer.count_include_pad:
        around = _with_overhang(windows, windows.sides)
        return _pool(graph, "AveragePool", x, windows, around, count_include_pad=0)
    if windows.overhang == (0, 0):
        return _pool(graph, "AveragePool", x, windows, windows.sides, count_include_pad=1)
    # the mean counts the zeros of the padding, but not what lies beyond them
    top, left, bottom, right = pads(windows.sides)
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
        pads=pads(around),
        **more,
    )


def adaptive_avg_pool(graph: Builder, layer: public.AdaptiveAvgPool2D, own: Own, x: str) -> str:
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


def adaptive_max_pool(graph: Builder, layer: public.AdaptiveMaxPool2D, own: Own, x: str) -> str:
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


def global_pool(operator: str) -> Writer:
    return lambda graph, layer, own, x: graph.node("Flatten", graph.node(operator, x))
