"""Convolutional networks, written by hand once against the Python array API.

    train, test = xpcnn.data.load("digits")
    model = xpcnn.Model(layers, input_shape=train.shape, backend="numpy")
    history = model.fit(train, epochs=5, validation=test)

See `layers` for what a network is made of, `ops.reference` for what it computes and why the
gradients are what they are, `data` for data sets, `models` for ready networks.
"""

__version__ = "0.1.0"

from xpcnn import (
    backend,
    data,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    schedules,
    testing,
)
from xpcnn.classification import classification_report
from xpcnn.io.models import load_model as load
from xpcnn.model import Model

__all__ = [
    "Model",
    "load",
    "classification_report",
    "layers",
    "optimizers",
    "schedules",
    "losses",
    "metrics",
    "data",
    "models",
    "initializers",
    "ops",
    "backend",
    "testing",
]
