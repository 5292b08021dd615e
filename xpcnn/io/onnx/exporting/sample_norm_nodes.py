"""Layer and group normalisation as ONNX operators of opset 17."""

from typing import Any

import numpy

from xpcnn import layers as public
from xpcnn.io.onnx.exporting.builder import Builder
from xpcnn.types import Params, Shape


def layer_norm(
    graph: Builder, layer: public.LayerNorm, params: Params, shape: Shape, x: str
) -> str:
    """LayerNormalization takes the last axes; others are moved there, and back."""
    rank = len(shape) + 1
    axes = range(1, rank) if layer.axes is None else numpy.atleast_1d(layer.axes).tolist()
    kept = [axis for axis in range(rank) if axis not in axes]
    order = [*kept, *axes]
    in_order = order == list(range(rank))
    if not in_order:
        x = graph.node("Transpose", x, perm=order)
    learnt = [graph.constant(name, params[name]) for name in ("gamma", "beta")]
    y = graph.node("LayerNormalization", x, *learnt, axis=len(kept), epsilon=layer.eps)
    back: Any = [order.index(axis) for axis in range(rank)]
    return y if in_order else graph.node("Transpose", y, perm=back)


def group_norm(
    graph: Builder, layer: public.GroupNorm, params: Params, shape: Shape, x: str
) -> str:
    """InstanceNormalization of the groups as channels, then gamma and beta of each channel."""
    groups = layer.groups
    grouped = graph.node("Reshape", x, graph.constant("groups", numpy.array([0, groups, -1])))
    ones = graph.constant("ones", numpy.ones(groups)), graph.constant("zeros", numpy.zeros(groups))
    y = graph.node("InstanceNormalization", grouped, *ones, epsilon=layer.eps)
    y = graph.node("Reshape", y, graph.constant("shape", numpy.array([0, *shape])))
    each = (-1,) + (1,) * (len(shape) - 1)
    scaled = graph.node("Mul", y, graph.constant("gamma", params["gamma"].reshape(each)))
    return graph.node("Add", scaled, graph.constant("beta", params["beta"].reshape(each)))
