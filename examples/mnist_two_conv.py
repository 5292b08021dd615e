"""The preset `two-conv` on the first 1,000 images of MNIST, 20 epochs: what a few seconds reach.

Run it: python examples/mnist_two_conv.py [--data-dir FOLDER]

So few images are soon known by heart; moved by up to two pixels they are new in every epoch.

Where there was a choice, 8,000 further training images made it; the test images are looked at once
per seed, for the figure. The limit of the gradients' norm (`clip_norm`) is there since training is
at the edge of stability without it: see the preset.
"""

from figure import Figure

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import Crop
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and what the training was like."""
    preset = xpcnn.models.preset("two-conv")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    return model, model.fit(data, preset.training, augment=[Crop(2)])


FIGURE = Figure(train, "mnist", choice={"limit": 1000})

if __name__ == "__main__":
    FIGURE.show()
