"""Convolutional networks, written by hand once against the Python array API.

    train, test = xpcnn.data.load("digits")
    model = xpcnn.Model(layers, input_shape=train.shape, backend="numpy")
    history = model.fit(train, epochs=5, validation=test)

See `layers` for what a network is made of, `ops.reference` for what it computes and why the
gradients are what they are, `data` for data sets, `models` for ready networks.
"""

from xpcnn import backend, data, initializers, layers, losses, ops, optimizers, schedules
from xpcnn.model import Model

__version__ = "0.1.0"

__all__ = [
    "Model",
    "layers",
    "optimizers",
    "schedules",
    "losses",
    "initializers",
    "data",
    "ops",
    "backend",
]
