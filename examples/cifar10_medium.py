"""The preset `medium` on CIFAR-10: three convolutions without normalisation.

Run it: python examples/cifar10_medium.py [--data-dir FOLDER]

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
    preset = xpcnn.models.preset("medium")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    augment = [Flip(), Crop(3)]
    return model, model.fit(data, preset.training, augment=augment, callbacks=[Lines()])


def with_mirror_images(model: xpcnn.Model, test: Dataset) -> float:
    """Return the accuracy of means over images and their mirror images; print that without."""
    print(f"without the mirror images: test accuracy {model.evaluate(test)['accuracy']:.4f}")
    p = model.predict_proba(test.images, views=["identity", "flip"])
    return float((p.argmax(axis=1) == test.labels).mean())


FIGURE = Figure(train, "cifar10", seeds=1, accuracy=with_mirror_images)

if __name__ == "__main__":
    FIGURE.show()
