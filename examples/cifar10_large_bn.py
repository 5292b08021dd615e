"""The preset `large-bn` on CIFAR-10: four convolutions with batch normalisation, in minutes.

Run it: python examples/cifar10_large_bn.py [--data-dir FOLDER]

Mirror images and crops change the pictures in each epoch, so the network does not memorise the
50,000.

The settings are common ones, tried for a few epochs on a validation part (a tenth of the training
images, by hash) and not tuned further. The test images are used once, for the figure.
"""

from figure import Figure, Lines

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import Crop, Flip
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and its history."""
    preset = xpcnn.models.preset("large-bn")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    augment = [Flip(), Crop(2)]
    return model, model.fit(data, preset.training, augment=augment, callbacks=[Lines()])


FIGURE = Figure(train, "cifar10", seeds=1)

if __name__ == "__main__":
    FIGURE.show()
