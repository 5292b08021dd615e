"""The preset `two-conv` on the first 1,000 images of MNIST, 20 epochs: what a few seconds reach.

Run it: python examples/mnist_two_conv.py [--data-dir FOLDER]

So few images are soon known by heart; moved by up to two pixels they are new in every epoch.

Where there was a choice, 8,000 further training images made it; the test images are looked at once
per seed, for the figure.
"""

from figure import show

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import Crop
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and what the training was like."""
    preset = xpcnn.models.preset("two-conv")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    return model, model.fit(data, **vars(preset.training) | {"augment": [Crop(2)]})


if __name__ == "__main__":
    show(train, "mnist", limit=1000)
