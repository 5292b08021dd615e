"""A class that the loss ignores, which only labels that are integers can name."""

from xpcnn.config.training_options import TrainingOptions
from xpcnn.data.augment.base import Mixing
from xpcnn.errors import ConfigError, hint
from xpcnn.losses import SoftmaxCrossEntropy
from xpcnn.network import Network
from xpcnn.samples import Samples


def check_ignored(network: Network, train: Samples, options: TrainingOptions) -> None:
    """Require integer labels where the loss ignores one of the classes.

    Raises:
        ConfigError: sample weights, or augmentations that mix samples, make floats of the labels.
    """
    loss = network.loss
    if not isinstance(loss, SoftmaxCrossEntropy):
        return
    if not 0 <= loss.ignore_index < network.output_shape[0]:
        return
    message = f"ignore_index={loss.ignore_index} has no effect with "
    if train.labels is not None and train.labels.ndim > 1:
        advice = "a sample weight of 0 for samples that do not count"
        raise ConfigError(hint(f"{message}sample_weights", advice))
    if mixing := [type(x).__name__ for x in options.augment if isinstance(x, Mixing)]:
        message += f"{mixing[0]}, which mixes the classes of samples"
        raise ConfigError(hint(message, "other augmentations, or data without that class"))
