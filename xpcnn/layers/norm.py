"""The batch normalisation layer."""

import math
from dataclasses import KW_ONLY, dataclass

from xpcnn import ops
from xpcnn.errors import ShapeError, hint
from xpcnn.initializers import Constant, Draw, Zeros
from xpcnn.layers.base import Context
from xpcnn.layers.shared_norm import shared_batch_norm
from xpcnn.ops.reference.norm import Running, updated_statistics
from xpcnn.options import CLOSED_FRACTION, POSITIVE, check
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class BatchNorm:
    """Normalise every channel of images (c, h, w) or every feature of rows (c,).

    Training uses the mean and variance of the batch, inference the running ones:

        y = gamma * (x - mean) / sqrt(var + eps) + beta
        running = (1 - momentum) * running + momentum * batch

    The batch is normalised by its biased variance. The running variance is updated by the unbiased
    one, m/(m - 1) times the biased one of m values.

    momentum: weight of the new batch in the running statistics, in [0, 1] (0.1 here is the 0.9 of
        Keras).
    eps: added to the variance, inside the root; above 0.

    Parameters: gamma, beta (c,). Buffers: mean, var (c,), the running statistics.
    Backward and source: `help(xpcnn.ops.batch_norm)`.

    The layer is frozen if `fit(..., freeze=["layers.1.*"])` matches gamma and beta, or a running
    statistic. Then training uses the running statistics and leaves them unchanged: they are
    constants, so that dx = gamma / sqrt(var + eps) * dy, as in PyTorch's layer after `eval()`. If
    only gamma or only beta is frozen, training uses the statistics of the batch.

    Raises:
        ConfigError: a hyperparameter is out of range.
        ShapeError: samples have another rank (in `init`), or a channel has one value (in training).
    """

    _: KW_ONLY
    momentum: float = 0.1
    eps: float = 1e-5

    def __post_init__(self) -> None:
        check(self, momentum=CLOSED_FRACTION, eps=POSITIVE)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        if len(shape) not in (1, 3):
            message = f"BatchNorm: samples have shape {shape}, expected (c, h, w) or (c,)"
            raise ShapeError(hint(message, "a Flatten() or Reshape((c, h, w)) layer before it"))
        c = shape[:1]
        params = {"gamma": draw("gamma", Constant(1.0), c), "beta": draw("beta", Zeros(), c)}
        buffers = {"mean": draw("mean", Zeros(), c), "var": draw("var", Constant(1.0), c)}
        return params, buffers, shape

    def running(self, buffers: Params) -> Running:
        """Return the argument `running` of `ops.batch_norm`."""
        return buffers["mean"], buffers["var"], self.momentum

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        gamma, beta = params["gamma"], params["beta"]
        if ctx.by_batch:
            running = self.running(buffers)
            if ctx.shared is None:
                (y, mean, var), back = ops.batch_norm(x, gamma, beta, eps=self.eps, running=running)
            else:
                (y, mean, var), back = shared_batch_norm(x, gamma, beta, self.eps, ctx.shared)
                m = ctx.shared.total * math.prod(x.shape[2:])
                mean, var = updated_statistics(running, mean, var, m)
            buffers = {"mean": mean, "var": var}
        else:
            y, back = ops.batch_norm_inference(
                x, gamma, beta, buffers["mean"], buffers["var"], eps=self.eps
            )

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, dgamma, dbeta, *_ = back(dy, (want_dx, True, True))
            return dx, {"gamma": dgamma, "beta": dbeta}

        return y, buffers, pullback
