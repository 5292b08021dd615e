"""Every op: `op(arrays, *, hyperparameters) -> (y, pullback)`, on arrays of any library.

`pullback(dy, wants=None)` takes the gradient of the output and returns one gradient per array
argument, in order (`xpcnn.types.Pullback`). Some ops differ: `batch_norm`, `batch_norm_relu` and
`batch_norm_add_relu` return the tuple (y, mean, var) for y; `normalise`, `affine`, `bilinear`,
`mirrored`, `shifted`, `fold_batch_norm`, `count_equal`, `tally`, `most_probable`, `one_hot`,
`converted`, `unscaled`, `kept_if` and `next_scale` return only their result, without a pullback.

An op checks shapes and dtypes. Then it runs the fast kernel for the arrays' library, if the backend
has one, otherwise the reference in `ops/reference`, which defines its meaning. Ops are pure: they
write into none of their arguments. The arrays of a call must come from one library and have one
floating dtype; the output has that dtype.

Raises, in every op: ShapeError, DTypeError, BackendError (arrays of two libraries), ConfigError
(a hyperparameter).
"""

from typing import TYPE_CHECKING, NoReturn

from xpcnn.imported_names import missing_name
from xpcnn.ops.activation import (
    elu,
    gelu,
    hard_sigmoid,
    hard_swish,
    hard_tanh,
    leaky_relu,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
)
from xpcnn.ops.conv import conv2d, conv_transpose2d
from xpcnn.ops.elementwise import add, dropout, multiply, normalise
from xpcnn.ops.epoch_sums import count_equal, tally
from xpcnn.ops.fused import add_relu, batch_norm_add_relu, batch_norm_relu, conv_relu_pool
from xpcnn.ops.half_precision import converted, kept_if, next_scale, unscaled
from xpcnn.ops.labels import most_probable, one_hot
from xpcnn.ops.linear import dense, flatten, reshape
from xpcnn.ops.loss import (
    bce_with_logits,
    focal_with_logits,
    huber,
    l1,
    mse,
    softmax_cross_entropy,
)
from xpcnn.ops.norm import (
    batch_norm,
    batch_norm_inference,
    fold_batch_norm,
    group_norm,
    layer_norm,
)
from xpcnn.ops.pool import (
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool2d,
    global_avg_pool2d,
    global_max_pool2d,
    max_pool2d,
)
from xpcnn.ops.probability import log_softmax, softmax
from xpcnn.ops.sampling import affine, bilinear, mirrored, shifted
from xpcnn.ops.upsample import upsample2d

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "add",
    "add_relu",
    "affine",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_add_relu",
    "batch_norm_inference",
    "batch_norm_relu",
    "bce_with_logits",
    "bilinear",
    "conv2d",
    "conv_relu_pool",
    "conv_transpose2d",
    "converted",
    "count_equal",
    "dense",
    "dropout",
    "elu",
    "flatten",
    "focal_with_logits",
    "fold_batch_norm",
    "gelu",
    "global_avg_pool2d",
    "global_max_pool2d",
    "group_norm",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "huber",
    "kept_if",
    "l1",
    "layer_norm",
    "leaky_relu",
    "log_softmax",
    "max_pool2d",
    "mirrored",
    "mish",
    "most_probable",
    "mse",
    "multiply",
    "next_scale",
    "normalise",
    "one_hot",
    "prelu",
    "relu",
    "relu6",
    "reshape",
    "selu",
    "shifted",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "softsign",
    "tally",
    "tanh",
    "unscaled",
    "upsample2d",
]

if not TYPE_CHECKING:  # to type checkers, unknown names are unknown

    def __getattr__(name: str) -> NoReturn:
        """Say which name stands for one of another library."""
        raise missing_name(__name__, name, __all__)
