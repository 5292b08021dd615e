"""The preset `two-conv` on the first 1,000 images of MNIST, 20 epochs, in seconds.

Run it: python examples/mnist_two_conv.py [--data-dir FOLDER]

A network soon memorises so few images; moved by up to two pixels, they differ in each epoch.

All choices were made on 8,000 further training images. The test images are used once per seed, for
the figure. The gradients' norm is limited (`clip_norm`) because training is at the edge of
stability without it: see the preset.
"""

from figure import Figure

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import Crop
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and its history."""
    preset = xpcnn.models.preset("two-conv")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    return model, model.fit(data, preset.training, augment=[Crop(2)])


FIGURE = Figure(train, "mnist", choice={"limit": 1000})

if __name__ == "__main__":
    FIGURE.show()
