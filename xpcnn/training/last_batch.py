"""Batch norm cannot train on batches of one sample: rejected before the first step."""

import math
from dataclasses import dataclass

from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import ConfigError, hint
from xpcnn.initializers import Draw
from xpcnn.layers import BatchNorm, Layer
from xpcnn.layers.rebuilding import Wrapper, rebuilt
from xpcnn.network import Network
from xpcnn.optimizers.groups import frozen_layers
from xpcnn.sizes import sizes_of
from xpcnn.types import Params, Shape, flatten


def check_last_batch(
    network: Network, samples: int, options: TrainingOptions, processes: int = 1
) -> None:
    """Require batches of two samples or more where batch norm needs them for a variance.

    Batch norm of images has h*w values per channel in each sample; of rows of features, as after a
    Dense layer, or of images of one pixel it has one. A process that shares its statistics with no
    other needs two samples of each batch.

    Raises:
        ConfigError: an epoch has a batch of one sample; names the batch norm that needs more. Or
            `batch_norm` does not fit the number of processes.
    """
    size = options.batch_size
    if options.normalised_together(processes) == 1 < processes:
        _check_parts(network, samples, options, processes)
    alone = size == 1 or samples == 1 or (samples % size == 1 and not options.drop_last)
    if not alone:
        return
    norms = _norms(network, options)
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


def _norms(network: Network, options: TrainingOptions) -> list[str]:
    """Return the paths of the batch norms that need two samples of a batch or more."""
    params, buffers = tuple(flatten(network.params)), tuple(flatten(network.buffers))
    freeze = options.freeze if options.unfreeze_after is None else ()
    frozen = frozen_layers(params, buffers, freeze)
    return [path for path in one_value(network.layers, network.input_shape) if path not in frozen]


def _check_parts(network: Network, samples: int, options: TrainingOptions, processes: int) -> None:
    """Require two samples of each batch or more in every process.

    A batch of fewer samples than processes is computed by each process as a whole.
    """
    batches = {min(options.batch_size, samples)}
    if not options.drop_last:
        batches |= {samples % options.batch_size} - {0}
    small = [size for size in batches if processes <= size < 2 * processes]
    if small and (norms := _norms(network, options)):
        what = f"{small[0]} samples of a batch leave 1 for some of {processes} processes"
        needs = f"{norms[0]} (BatchNorm) needs 2 or more for the variance of its features"
        advice = 'batch_norm="sync" (--batch-norm sync), or drop_last=True (--drop-last)'
        raise ConfigError(hint(f"{what}, and {needs}", advice))


def one_value(layers: Layer, input_shape: Shape) -> list[str]:
    """Return the paths of the batch norms that have one value per channel in each sample."""
    found: list[str] = []
    sizes_of(rebuilt(layers, lambda layer: _Noting(layer, found)), input_shape)
    return found


@dataclass(frozen=True)
class _Noting(Wrapper):
    """A layer that notes its path where it is a batch norm of one value per channel."""

    found: list[str]

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        if isinstance(self.layer, BatchNorm) and math.prod(shape[1:]) == 1:
            self.found.append(draw.path)
        return super().init(shape, draw)
