"""The preset `small` on MNIST: two convolutions of sixteen filters, five epochs.

Run it: python examples/mnist_small.py [--data-dir FOLDER]

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
    preset = xpcnn.models.preset("small")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    turned = Affine(degrees=8, scale=0.08, shift=1)  # by a little, also scaled and moved
    return model, model.fit(data, preset.training, augment=[turned])


FIGURE = Figure(train, "mnist")

if __name__ == "__main__":
    FIGURE.show()
