"""CUDA kernels for CuPy arrays, tested against the reference ops on the host.

No GPU has run them yet, so they are off unless XPCNN_CUDA_KERNELS is 1; or all, for large products
of matrices too, which otherwise are CuPy's; or graph, for training steps as CUDA graphs besides.
With cudnn or cudnn-graph, each convolution is by cuDNN or a kernel: what was timed as the fastest.

A kernel takes `cuda` and the arguments of its reference, replaces forward and backward as one unit,
and returns NotImplemented for cases that it does not serve: all but float32, and for many kernels
float16. `sgd` and `adam` run in place of the `update` of these optimizers.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from . import cudnn_conv
from .autotuner import Autotuner
from .conv import conv2d, conv_relu_pool
from .cuda import Cuda
from .cudnn_plans import Cudnn
from .elementwise import add_relu, dropout, normalise, relu, sigmoid, tanh
from .epoch_sums import count_equal, tally
from .half_precision import converted, kept_if, next_scale, unscaled
from .linear import dense
from .loss import softmax_cross_entropy
from .norm import batch_norm, batch_norm_add_relu, batch_norm_inference, batch_norm_relu
from .optimizer import adam, sgd
from .pool import avg_pool2d, max_pool2d

KERNELS: dict[str, Callable[..., Any]] = {
    "adam": adam,
    "add_relu": add_relu,
    "avg_pool2d": avg_pool2d,
    "batch_norm": batch_norm,
    "batch_norm_add_relu": batch_norm_add_relu,
    "batch_norm_inference": batch_norm_inference,
    "batch_norm_relu": batch_norm_relu,
    "conv2d": conv2d,
    "conv_relu_pool": conv_relu_pool,
    "converted": converted,
    "count_equal": count_equal,
    "dense": dense,
    "dropout": dropout,
    "kept_if": kept_if,
    "max_pool2d": max_pool2d,
    "next_scale": next_scale,
    "normalise": normalise,
    "relu": relu,
    "sgd": sgd,
    "sigmoid": sigmoid,
    "softmax_cross_entropy": softmax_cross_entropy,
    "tally": tally,
    "tanh": tanh,
    "unscaled": unscaled,
}


TAKES_HALF = {
    *("avg_pool2d", "batch_norm", "batch_norm_add_relu", "batch_norm_inference", "batch_norm_relu"),
    *("sigmoid", "tanh"),
}
"""Kernels that read and write float16 and compute in float32, of ops that always do the latter."""


def kernels(
    cuda: Cuda, cudnn: tuple[Cudnn, Autotuner] | None = None
) -> dict[str, Callable[..., Any]]:
    """Return the kernels by name, as `cuda` launches them; cudnn: for convolutions, if it is on."""
    found: dict[str, Callable[..., Any]]
    found = {name: partial(kernel, cuda) for name, kernel in KERNELS.items()}
    for name in TAKES_HALF:
        found[name].takes_half = True  # type: ignore[attr-defined]
    if cudnn is not None:
        for kernel in (cudnn_conv.conv2d, cudnn_conv.conv_relu_pool):
            found[kernel.__name__] = partial(kernel, cuda, *cudnn)
    return found
