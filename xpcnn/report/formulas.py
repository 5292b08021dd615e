"""What a layer computes, and where in the code: from its docstring and its op's reference."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from xpcnn import layers, ops
from xpcnn.layers import Layer

OPS: dict[type, Callable[..., Any]] = {
    layers.AdaptiveAvgPool2D: ops.adaptive_avg_pool2d,
    layers.AdaptiveMaxPool2D: ops.adaptive_max_pool2d,
    layers.AvgPool2D: ops.avg_pool2d,
    layers.BatchNorm: ops.batch_norm_inference,
    layers.Conv2D: ops.conv2d,
    layers.ConvTranspose2D: ops.conv_transpose2d,
    layers.DepthwiseConv2D: ops.conv2d,
    layers.Dense: ops.dense,
    layers.Dropout: ops.dropout,
    layers.Flatten: ops.flatten,
    layers.GlobalAvgPool2D: ops.global_avg_pool2d,
    layers.GlobalMaxPool2D: ops.global_max_pool2d,
    layers.GroupNorm: ops.group_norm,
    layers.LayerNorm: ops.layer_norm,
    layers.MaxPool2D: ops.max_pool2d,
    layers.MinPool2D: ops.max_pool2d,
    layers.PReLU: ops.prelu,
    layers.Reshape: ops.reshape,
    layers.SpatialDropout: ops.dropout,
    layers.StochasticDepth: ops.dropout,
    layers.Upsample: ops.upsample2d,
}
"""The op that a layer runs, in inference; activations name theirs themselves, as `op`."""


class Formula(NamedTuple):
    """What a layer computes, in words and formulas, and where.

    words: what the layer does, a sentence.
    formula: forward and backward, from the docstring of its op's reference, or of the layer where
        it has no op.
    places: (what, file, line) of the code.
    kernels: the kernels that may replace the reference, in words; "" if none are known.
    """

    words: str
    formula: str
    places: list[tuple[str, str, int]]
    kernels: str


def formula_of(layer: Layer) -> Formula:
    """Return what a layer computes, and where."""
    own = inspect.getdoc(type(layer)) or ""
    words = own.partition("\n")[0].replace("->", "→")  # which no line breaks apart
    places = [("the layer", *_place(type(layer).forward))]
    op = OPS.get(type(layer)) or getattr(layer, "op", None)
    if op is None:
        return Formula(words, own, places, "")
    reference = inspect.unwrap(op)
    doc = inspect.getdoc(reference) or ""
    text = doc.partition("\nArgs:")[0].partition("\nKernels:")[0].strip()
    kernels = doc.partition("\nKernels:")[2].strip()
    places.append(("its formula, forward and backward", *_place(reference)))
    return Formula(words, text, places, " ".join(kernels.split()))


def _place(function: Callable[..., Any]) -> tuple[str, int]:
    """Return the file of a function, from its package on, and the line where it begins."""
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    module = str(function.__module__).replace(".", "/")
    return f"{module}.py", 0 if code is None else int(code.co_firstlineno)
