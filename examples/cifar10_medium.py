"""The preset `medium` on CIFAR-10: three convolutions without normalisation.

Run it: python examples/cifar10_medium.py [--data-dir FOLDER]

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
    preset = xpcnn.models.preset("medium")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    augment = [Flip(), Crop(3)]
    return model, model.fit(data, preset.training, augment=augment, callbacks=[Lines()])


def with_mirror_images(model: xpcnn.Model, test: Dataset) -> float:
    """Return the accuracy with predictions averaged over mirror images; print that without."""
    print(f"without the mirror images: test accuracy {model.evaluate(test)['accuracy']:.4f}")
    p = model.predict_proba(test.images, views=["identity", "flip"])
    return float((p.argmax(axis=1) == test.labels).mean())


FIGURE = Figure(train, "cifar10", seeds=1, accuracy=with_mirror_images)

if __name__ == "__main__":
    FIGURE.show()
