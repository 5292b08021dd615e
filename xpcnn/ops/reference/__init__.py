"""The definition of every op, in array API functions only: clear rather than fast.

Slow and explicit on purpose. These files define what is right; every fast kernel is tested against
them. They use no array library by name, write into no array, and read no value on the host.

The line `Kernels: ...` of each docstring lists what can run in place of the reference: NumPy calls
(`backends/numpy_kernels`), C (`numpy_kernels/compiled`), CUDA (`backends/cupy_kernels`).
Which cases each kernel serves: `examples/guides/where-computed.md`.
"""

from xpcnn.ops.reference.adaptive import adaptive_avg_pool2d, adaptive_max_pool2d
from xpcnn.ops.reference.conv import conv2d
from xpcnn.ops.reference.conv_transpose import conv_transpose2d
from xpcnn.ops.reference.cross_entropy import (
    bce_with_logits,
    focal_with_logits,
    softmax_cross_entropy,
)
from xpcnn.ops.reference.elementwise import dropout, multiply
from xpcnn.ops.reference.learnt_activation import prelu
from xpcnn.ops.reference.linear import dense, flatten, reshape
from xpcnn.ops.reference.norm import batch_norm, batch_norm_inference, fold_batch_norm
from xpcnn.ops.reference.pool import avg_pool2d, global_avg_pool2d, global_max_pool2d, max_pool2d
from xpcnn.ops.reference.probability import log_softmax, softmax
from xpcnn.ops.reference.regression_loss import huber, l1, mse
from xpcnn.ops.reference.sample_norm import group_norm, layer_norm
from xpcnn.ops.reference.upsample import upsample2d

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_inference",
    "bce_with_logits",
    "conv2d",
    "conv_transpose2d",
    "dense",
    "dropout",
    "flatten",
    "focal_with_logits",
    "fold_batch_norm",
    "global_avg_pool2d",
    "global_max_pool2d",
    "group_norm",
    "huber",
    "l1",
    "layer_norm",
    "log_softmax",
    "max_pool2d",
    "mse",
    "multiply",
    "prelu",
    "reshape",
    "softmax",
    "softmax_cross_entropy",
    "upsample2d",
]
