"""The preset `mnist-best`: four convolutions with batch normalisation, MNIST to 99.6 %.

Run it: python examples/mnist_best.py [--data-dir FOLDER]

The settings are common ones, tried for a few epochs on a validation part (a tenth of the training
images, by hash) and not tuned further. The test images are used once, for the figure.
"""

from figure import Figure, Lines

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import Affine
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and its history."""
    preset = xpcnn.models.preset("mnist-best")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    turned = Affine(degrees=10, scale=0.1, shear=5, shift=2)
    return model, model.fit(data, preset.training, augment=[turned], callbacks=[Lines()])


FIGURE = Figure(train, "mnist", seeds=1)

if __name__ == "__main__":
    FIGURE.show()
