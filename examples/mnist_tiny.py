"""The preset `tiny` on MNIST: one convolution of four filters, five epochs.

Run it: python examples/mnist_tiny.py [--data-dir FOLDER]

Where there was a choice, a validation part made it (a tenth of the training images, by hash); the
test images are looked at once per seed, for the figure.
"""

from figure import Figure

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import Affine
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and what the training was like."""
    preset = xpcnn.models.preset("tiny")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    little = Affine(degrees=6, scale=0.06, shift=1)  # a small network learns few ways to write a 7
    return model, model.fit(data, preset.training, augment=[little])


FIGURE = Figure(train, "mnist")

if __name__ == "__main__":
    FIGURE.show()
