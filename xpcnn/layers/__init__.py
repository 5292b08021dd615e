"""Layers: frozen dataclasses of hyperparameters; what they compute is in `xpcnn.ops`.

A layer is constructed without the size of its input: `init` computes the shapes of parameters. x
and the parameters have one floating dtype, which the output and all gradients have too. The
constructor raises a ConfigError for hyperparameters out of range, `init` a ShapeError for samples
of an unsuitable shape. A layer of your own needs `init` and `forward`: see `Layer`.
"""

from dataclasses import is_dataclass
from typing import TYPE_CHECKING, NoReturn

from xpcnn.argument_advice import advised
from xpcnn.imported_names import missing_name
from xpcnn.layers.activation import (
    ELU,
    GELU,
    SELU,
    HardSigmoid,
    HardSwish,
    HardTanh,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from xpcnn.layers.base import Context, Layer
from xpcnn.layers.branches import Concat, Identity, Multiply, Residual
from xpcnn.layers.containers import Sequential
from xpcnn.layers.conv import Conv2D, DepthwiseConv2D
from xpcnn.layers.conv_transpose import ConvTranspose2D
from xpcnn.layers.dense import Dense, Flatten, Reshape
from xpcnn.layers.dropout import Dropout, SpatialDropout, StochasticDepth
from xpcnn.layers.learnt_activation import PReLU
from xpcnn.layers.norm import BatchNorm
from xpcnn.layers.own_activation import Activation
from xpcnn.layers.pool import (
    AdaptiveAvgPool2D,
    AdaptiveMaxPool2D,
    AvgPool2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    MaxPool2D,
    MinPool2D,
)
from xpcnn.layers.sample_norm import GroupNorm, LayerNorm
from xpcnn.layers.upsample import Upsample
from xpcnn.types import LayerPullback

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "AdaptiveAvgPool2D",
    "AdaptiveMaxPool2D",
    "AvgPool2D",
    "BatchNorm",
    "Concat",
    "Context",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Identity",
    "Layer",
    "LayerNorm",
    "LayerPullback",
    "LeakyReLU",
    "LogSoftmax",
    "MaxPool2D",
    "MinPool2D",
    "Mish",
    "Multiply",
    "PReLU",
    "ReLU",
    "ReLU6",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpatialDropout",
    "StochasticDepth",
    "Tanh",
    "Upsample",
]

for _name in __all__:
    if is_dataclass(globals()[_name]):
        advised(globals()[_name])
        for _method in ("init", "forward"):  # for help(Conv2D)
            getattr(globals()[_name], _method).__doc__ = getattr(Layer, _method).__doc__

if not TYPE_CHECKING:  # to type checkers, unknown names are unknown

    def __getattr__(name: str) -> NoReturn:
        """Say which name stands for one of another library."""
        raise missing_name(__name__, name, __all__)
