"""Shared by the diagnostics, which do not change the model: a copy of its network, and samples."""

import copy

from xpcnn.inputs import Data
from xpcnn.model import Model
from xpcnn.network import Network
from xpcnn.samples import Samples


def prepared(model: Model, data: Data) -> tuple[Network, Samples]:
    """Return a copy of the model's network that can be trained, and samples as `fit` has them.

    Raises:
        DataError, LabelError, ShapeError, DTypeError, BackendError: the data does not fit.
    """
    train = model.checked(data)
    network = copy.copy(model.network)  # shares arrays, which nobody writes into
    network.adapt(train)
    return network, network.samples(train.images, train.labels)
