"""The preset `large-bn` on CIFAR-10: four convolutions with batch normalisation, in minutes.

Run it: python examples/cifar10_large_bn.py [--data-dir FOLDER]

Mirror images and crops give every epoch other pictures, so the network does not learn the 50,000
by heart.

The settings are usual ones, tried for a few epochs on a validation part (a tenth of the training
images, by hash) and not tuned further; the test images are looked at once, for the figure.
"""

from figure import Figure, Lines

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import Crop, Flip
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and what the training was like."""
    preset = xpcnn.models.preset("large-bn")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    augment = [Flip(), Crop(2)]
    return model, model.fit(data, preset.training, augment=augment, callbacks=[Lines()])


FIGURE = Figure(train, "cifar10", seeds=1)

if __name__ == "__main__":
    FIGURE.show()
