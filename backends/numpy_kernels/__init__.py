"""Fast NumPy kernels, tested against the reference ops.

Memory is batch-last: an array of logical shape (n, c, h, w) is a view of contiguous (c, h, w, n),
so that every copy and elementwise pass runs over rows of n numbers. A kernel has the signature of
its reference, replaces forward and backward as one unit, and returns NotImplemented for cases that
it does not serve.
"""

from collections.abc import Callable
from typing import Any

from . import compiled
from .conv import conv2d
from .elementwise import dropout, multiply, normalise, relu, sigmoid, tanh
from .fused import conv_relu_pool
from .half import with_half
from .labels import count_equal, most_probable, one_hot, tally
from .linear import dense
from .loss import softmax_cross_entropy
from .norm import batch_norm, batch_norm_inference
from .pool import avg_pool2d, max_pool2d

KERNELS: dict[str, Callable[..., Any]] = {
    "avg_pool2d": avg_pool2d,
    "batch_norm": batch_norm,
    "batch_norm_inference": batch_norm_inference,
    "conv2d": with_half(conv2d),
    "conv_relu_pool": with_half(conv_relu_pool),
    "count_equal": count_equal,
    "dense": with_half(dense),
    "dropout": dropout,
    "max_pool2d": max_pool2d,
    "most_probable": most_probable,
    "multiply": multiply,
    "normalise": normalise,
    "one_hot": one_hot,
    "relu": relu,
    "sigmoid": sigmoid,
    "softmax_cross_entropy": softmax_cross_entropy,
    "tally": tally,
    "tanh": tanh,
}

for name, kernel in compiled.KERNELS.items():
    KERNELS[name] = compiled.first_that_serves(kernel, KERNELS[name]) if name in KERNELS else kernel
