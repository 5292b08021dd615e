"""The preset `small` on MNIST: two convolutions of sixteen filters, five epochs.

Run it: python examples/mnist_small.py [--data-dir FOLDER]

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
    preset = xpcnn.models.preset("small")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    turned = Affine(degrees=8, scale=0.08, shift=1)  # and scaled, and moved, by a little
    return model, model.fit(data, preset.training, augment=[turned])


FIGURE = Figure(train, "mnist")

if __name__ == "__main__":
    FIGURE.show()
