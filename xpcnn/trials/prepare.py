"""What the trials before a training share: a model to try it on, and its samples as `fit` has them.

A trial leaves the model that it is given as it was.
"""

import copy
from typing import TYPE_CHECKING

from xpcnn.inputs import balanced_loss
from xpcnn.samples import Samples

if TYPE_CHECKING:
    from xpcnn.inputs import Data
    from xpcnn.model import Model


def prepared(model: "Model", data: "Data") -> tuple["Model", Samples]:
    """Return a second model with the same weights, and samples that both normalise alike.

    Raises:
        DataError, LabelError, ShapeError, DTypeError, BackendError: the data does not fit.
    """
    train = model.checked(data)
    second = copy.copy(model)  # shares arrays, which nobody writes into
    second.loss = balanced_loss(model.loss, train, model.output_shape[0])
    if model.mean is None:
        second.mean, second.std = train.mean, train.std
    return second, second.samples(train.images, train.labels)
