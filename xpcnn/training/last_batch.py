"""Batch norm cannot train on batches of one sample: rejected before the first step."""

import math
from dataclasses import dataclass

from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import ConfigError, hint
from xpcnn.initializers import Draw
from xpcnn.layers import BatchNorm, Context, Layer
from xpcnn.network import Network
from xpcnn.optimizers.groups import frozen_layers
from xpcnn.sizes import sizes_of
from xpcnn.training.probe import rebuilt
from xpcnn.types import Array, LayerPullback, Params, Shape, flatten


def check_last_batch(network: Network, samples: int, options: TrainingOptions) -> None:
    """Require batches of two samples or more where batch norm needs them for a variance.

    Batch norm of images has h*w values per channel in each sample; of rows of features, as after a
    Dense layer, or of images of one pixel it has one.

    Raises:
        ConfigError: an epoch has a batch of one sample; names the batch norm that needs more.
    """
    size = options.batch_size
    alone = size == 1 or samples == 1 or (samples % size == 1 and not options.drop_last)
    if not alone:
        return
    params, buffers = tuple(flatten(network.params)), tuple(flatten(network.buffers))
    frozen = frozen_layers(params, buffers, options.freeze)
    norms = [path for path in one_value(network.layers, network.input_shape) if path not in frozen]
    if not norms:
        return
    if samples == 1:
        what, advice = "there is 1 sample to train on", "more samples"
    elif size == 1:
        what, advice = "batch_size is 1", "batch_size=32"
    else:
        what = f"the last batch of an epoch has 1 sample ({samples:,} in batches of {size})"
        fits = next(n for n in range(size + 1, samples + 1) if samples % n != 1)
        advice = f"batch_size={fits}, or drop_last=True (--drop-last)"
    message = f"{what}, and {norms[0]} (BatchNorm) needs 2 or more for the variance of its features"
    raise ConfigError(hint(message, advice))


def one_value(layers: Layer, input_shape: Shape) -> list[str]:
    """Return the paths of the batch norms that have one value per channel in each sample."""
    found: list[str] = []
    sizes_of(rebuilt(layers, lambda layer: _Noting(layer, found)), input_shape)
    return found


@dataclass(frozen=True)
class _Noting:
    """A layer that notes its path where it is a batch norm of one value per channel."""

    layer: Layer
    found: list[str]

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        if isinstance(self.layer, BatchNorm) and math.prod(shape[1:]) == 1:
            self.found.append(draw.path)
        return self.layer.init(shape, draw)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return self.layer.forward(params, buffers, x, ctx)
