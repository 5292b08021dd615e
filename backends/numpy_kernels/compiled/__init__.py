"""Kernels in C, for float32 on machines with a C compiler; otherwise NumPy calls compute."""

from functools import wraps
from typing import Any

from ...types import Kernel
from .addition import add, add_relu
from .conv import conv2d, conv_relu_pool
from .dropping import dropout
from .fold import fold_batch_norm
from .linear import dense
from .loss import bce_with_logits, softmax_cross_entropy
from .norm import batch_norm, batch_norm_add_relu, batch_norm_inference, batch_norm_relu
from .optimizer import adam, sgd
from .pointwise import ACTIVATIONS
from .pool import avg_pool2d, global_avg_pool2d, max_pool2d
from .resize import adaptive_avg_pool2d, upsample2d
from .sample_norm import group_norm, layer_norm
from .sampling import affine, bilinear, mirrored, normalise, shifted
from .transposed_conv import conv_transpose2d

KERNELS: dict[str, Kernel] = {
    **ACTIVATIONS,
    "adam": adam,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "add": add,
    "add_relu": add_relu,
    "affine": affine,
    "avg_pool2d": avg_pool2d,
    "batch_norm": batch_norm,
    "batch_norm_add_relu": batch_norm_add_relu,
    "batch_norm_inference": batch_norm_inference,
    "batch_norm_relu": batch_norm_relu,
    "bce_with_logits": bce_with_logits,
    "bilinear": bilinear,
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "conv_relu_pool": conv_relu_pool,
    "dense": dense,
    "dropout": dropout,
    "fold_batch_norm": fold_batch_norm,
    "global_avg_pool2d": global_avg_pool2d,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "max_pool2d": max_pool2d,
    "mirrored": mirrored,
    "normalise": normalise,
    "sgd": sgd,
    "shifted": shifted,
    "softmax_cross_entropy": softmax_cross_entropy,
    "upsample2d": upsample2d,
}


def first_that_serves(first: Kernel, second: Kernel) -> Kernel:
    """Return a kernel that runs the first and, if it returns NotImplemented, the second."""

    @wraps(second)
    def kernel(*args: Any, **kwargs: Any) -> Any:
        result = first(*args, **kwargs)
        return second(*args, **kwargs) if result is NotImplemented else result

    return kernel
