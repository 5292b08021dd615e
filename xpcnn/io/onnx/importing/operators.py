"""The table from ONNX operators to layers: a rule for each, by name.

A rule takes the call of a node and returns what comes of it. It raises `Refused` with the reason
where a node cannot become layers.
"""

from collections.abc import Callable, Mapping

from xpcnn import layers
from xpcnn.io.onnx.importing import normalised, pointwise, shapes, windowed
from xpcnn.io.onnx.importing.calls import Call, Result
from xpcnn.io.onnx.importing.pointwise import elementwise

OPERATORS: Mapping[str, Callable[[Call], Result]] = {
    "Conv": windowed.conv,
    "ConvTranspose": windowed.conv_transpose,
    "Resize": windowed.resize,
    "Gemm": windowed.gemm,
    "MatMul": windowed.matmul,
    "BatchNormalization": windowed.batch_norm,
    "LayerNormalization": normalised.layer_norm,
    normalised.ALONG_AXES: normalised.layer_norm_along_axes,
    "GroupNormalization": normalised.group_norm,
    "InstanceNormalization": normalised.instance_norm,
    "MaxPool": windowed.pool(layers.MaxPool2D),
    "AveragePool": windowed.pool(layers.AvgPool2D),
    "GlobalAveragePool": windowed.global_pool(layers.GlobalAvgPool2D()),
    "GlobalMaxPool": windowed.global_pool(layers.GlobalMaxPool2D()),
    "ReduceMean": windowed.reduce(layers.GlobalAvgPool2D()),
    "ReduceMax": windowed.reduce(layers.GlobalMaxPool2D()),
    "Relu": elementwise(lambda node: layers.ReLU()),
    "LeakyRelu": elementwise(lambda node: layers.LeakyReLU(node.number("alpha", 0.01))),
    "PRelu": pointwise.prelu,
    "Elu": elementwise(lambda node: layers.ELU(node.number("alpha", 1.0))),
    "Selu": elementwise(pointwise.selu),
    "Gelu": elementwise(lambda node: layers.GELU(node.text("approximate", "none"))),
    "Sigmoid": elementwise(lambda node: layers.Sigmoid()),
    "HardSigmoid": elementwise(pointwise.hard_sigmoid),
    "HardSwish": elementwise(lambda node: layers.HardSwish()),
    "Mish": elementwise(lambda node: layers.Mish()),
    "Tanh": elementwise(lambda node: layers.Tanh()),
    "Softplus": elementwise(lambda node: layers.Softplus()),
    "Softsign": elementwise(lambda node: layers.Softsign()),
    "Softmax": pointwise.softmax(layers.Softmax),
    "LogSoftmax": pointwise.softmax(layers.LogSoftmax),
    "Erf": pointwise.erf,
    "Clip": pointwise.clip,
    "Neg": pointwise.negative,
    "Add": pointwise.arithmetic("+"),
    "Sub": pointwise.arithmetic("-"),
    "Mul": pointwise.arithmetic("*"),
    "Div": pointwise.arithmetic("/"),
    "Sum": pointwise.arithmetic("+"),
    "Concat": shapes.concat,
    "Transpose": shapes.transpose,
    "Pad": shapes.pad,
    "Reshape": shapes.reshape,
    "Flatten": shapes.flatten,
    "Squeeze": shapes.squeeze,
    "Unsqueeze": shapes.unsqueeze,
    "Identity": shapes.same,
    "Dropout": shapes.same,
    "Cast": shapes.cast,
}
"""Rules by operator, of nodes whose inputs depend on the samples."""
