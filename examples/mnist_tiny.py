"""The preset `tiny` on MNIST: one convolution of four filters, five epochs.

Run it: python examples/mnist_tiny.py [--data-dir FOLDER]

All choices were made on a validation part (a tenth of the training images, by hash). The test
images are used once per seed, for the figure.
"""

from figure import Figure

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import Affine
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and its history."""
    preset = xpcnn.models.preset("tiny")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    little = Affine(degrees=6, scale=0.06, shift=1)  # small changes, for a small network
    return model, model.fit(data, preset.training, augment=[little])


FIGURE = Figure(train, "mnist")

if __name__ == "__main__":
    FIGURE.show()
