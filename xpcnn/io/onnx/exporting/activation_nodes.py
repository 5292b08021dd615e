"""Activations that no single ONNX operator of opset 17 computes, or whose constants are inputs."""

import math

from xpcnn import layers as public
from xpcnn.io.onnx.exporting.builder import Builder, Own
from xpcnn.layers import Layer


def hard_tanh(graph: Builder, layer: public.HardTanh, own: Own, x: str) -> str:
    return _clipped(graph, x, layer.low, layer.high)


def relu6(graph: Builder, layer: Layer, own: Own, x: str) -> str:
    return _clipped(graph, x, 0.0, 6.0)


def _clipped(graph: Builder, x: str, low: float, high: float) -> str:
    return graph.node("Clip", x, graph.constant("low", low), graph.constant("high", high))


def silu(graph: Builder, layer: Layer, own: Own, x: str) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def mish(graph: Builder, layer: Layer, own: Own, x: str) -> str:
    return graph.node("Mul", x, graph.node("Tanh", graph.node("Softplus", x)))


def gelu(graph: Builder, layer: public.GELU, own: Own, x: str) -> str:
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


def softplus(graph: Builder, layer: public.Softplus, own: Own, x: str) -> str:
    beta = graph.constant("beta", layer.beta)
    scaled = x if layer.beta == 1 else graph.node("Mul", x, beta)
    y = graph.node("Softplus", scaled)
    if layer.beta == 1 and layer.threshold >= 20:  # above it, log(1 + e^x) is x in float32
        return y
    if layer.beta != 1:
        y = graph.node("Div", y, beta)
    large = graph.node("Greater", scaled, graph.constant("threshold", layer.threshold))
    return graph.node("Where", large, x, y)


def prelu(graph: Builder, layer: public.PReLU, own: Own, x: str) -> str:
    shape = (-1,) + (1,) * (len(own.shape) - 1)
    return graph.node("PRelu", x, graph.constant("slope", own.params["slope"].reshape(shape)))
