"""What a network makes of raw samples, batch by batch, as arrays of the host."""

from collections.abc import Callable, Sequence

import numpy

from xpcnn.data.augment.views import View
from xpcnn.inputs import as_samples, warn_of_scale
from xpcnn.network import Network
from xpcnn.options import check_count
from xpcnn.types import Array


def predicted(
    network: Network, samples: Array, batch_size: int, read: Callable[[Array], Array]
) -> numpy.ndarray:
    """Return what `read` makes of samples, which it gets normalised and on the device.

    Warns (`errors.DataWarning`) of samples on another scale than the network was trained on.

    Raises:
        ConfigError: batch_size is no whole number of at least 1.
        BackendError, DTypeError, ShapeError, DataError: the samples do not fit the network.
    """
    check_count("batch_size", batch_size)
    raw = as_samples(samples, network)
    warn_of_scale(raw, network.mean, network.std)
    if len(raw) == 0:  # what one sample would give, without it
        one = numpy.zeros((1, *network.input_shape), "f4")
        return predicted(network, one, 1, read)[:0]
    backend = network.backend
    with backend.session():
        parts = [read(x) for x, _ in network.samples(raw, None).batches(batch_size)]
    return backend.to_host(backend.xp.concat(parts, axis=0))


def classes(network: Network, x: Array) -> Array:
    """Return the most probable class (n,) of normalised samples."""
    return network.loss.decide(network.scores(x))


def probabilities(network: Network, x: Array, views: Sequence[View]) -> Array:
    """Return the probability of each class (n, classes), the mean over views of the samples."""
    first, *others = (network.loss.probabilities(network.scores(view(x))) for view in views)
    return sum(others, start=first) / len(views)
