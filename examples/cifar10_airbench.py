"""CIFAR-10 in ten epochs: a small network whose first layer is computed from the images.

Run it: python examples/cifar10_airbench.py [--data-dir FOLDER]

After the description of airbench94 in Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU",
2024, which is for GPUs: on a CPU it takes hours. The first filters make the pixels of a patch
uncorrelated, and stay; further ones begin as the identity. Each image is mirrored in every other
epoch. The answer is a mean over six views.

Where it differs: crops are padded by zeros, the moving average of the weights takes the place of
Lookahead, the bias of the first layer learns to the end, biases do not decay, the first filters are
those of 2,000 images, the rate rises over whole steps of a warm-up, and the arithmetic is
float32's. No run of it has been timed or tuned.
"""

import math
from typing import Any

import numpy
from figure import Figure, Lines
from numpy.typing import NDArray

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import AlternatingFlip, Crop
from xpcnn.initializers import Dirac, Uniform
from xpcnn.layers import GELU, BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D
from xpcnn.losses import SoftmaxCrossEntropy
from xpcnn.optimizers import SGD
from xpcnn.schedules import Polynomial
from xpcnn.training import History, TrainingOptions

VIEWS = [
    *("identity", "identity", "flip", "flip"),
    *("up-left", "flip-up-left", "down-right", "flip-down-right"),
]
"""Views that are named twice count twice."""

OUTPUT_SCALE = 1 / 9
"""Of the scores. It is part of the last weights here, whose rate is smaller by its square: the
steps are the same."""

LAST = "layers.25.weight"


def layers(widths: tuple[int, int, int], classes: int) -> list[Layer]:
    """Return the network, of three blocks of two convolutions; widths: their filters."""
    found: list[Layer] = [Conv2D(24, 2), GELU()]
    for width in widths:
        found += [_conv(width), MaxPool2D(2), _norm(), GELU(), _conv(width), _norm(), GELU()]
    limit = OUTPUT_SCALE / math.sqrt(widths[-1])
    last = Dense(classes, bias=False, weight_init=Uniform(-limit, limit))
    return [*found, MaxPool2D(3), Flatten(), last]


def _conv(width: int) -> Layer:
    return Conv2D(width, 3, padding="same", bias=False, weight_init=Dirac())


def _norm() -> Layer:
    return BatchNorm(momentum=0.4, eps=1e-12)


def whitening(x: NDArray[numpy.float32]) -> NDArray[numpy.float32]:
    """Return 24 filters of 2 x 2 pixels whose outputs are uncorrelated, of variance 1.

    The eigenvectors of the covariance of the patches, divided by the roots of the eigenvalues; then
    their negatives, so that an activation loses none. x: normalised images (n, 3, h, w).
    """
    _, c, h, w = x.shape
    pixels = [x[:, :, i : h - 1 + i, j : w - 1 + j] for i in (0, 1) for j in (0, 1)]
    patches = numpy.stack(pixels, axis=-1).transpose(0, 2, 3, 1, 4).reshape(-1, 4 * c)
    variances, vectors = numpy.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / numpy.sqrt(variances + 5e-4)).T.reshape(-1, c, 2, 2)
    return numpy.concatenate([filters, -filters]).astype(numpy.float32)


TRAINING = TrainingOptions(
    epochs=10,
    batch_size=1024,
    optimizer=SGD(1.5, momentum=0.85, nesterov=True, weight_decay=0.00133, decay_all=False),
    schedule=Polynomial(final=0.07),
    warmup=0.23,
    layer_lr={"*.beta": 64.0, LAST: OUTPUT_SCALE**2},
    freeze=("layers.0.weight", "*.gamma"),
    ema=0.95,
    augment=(AlternatingFlip(), Crop(2)),
)


def model_for(
    data: Dataset, seed: int, widths: tuple[int, int, int] = (64, 256, 256), **given: Any
) -> xpcnn.Model:
    """Return the model with its first filters; given: further arguments of `xpcnn.Model`."""
    loss = SoftmaxCrossEntropy(label_smoothing=0.2)
    network = layers(widths, len(data.classes))
    model = xpcnn.Model(network, input_shape=data.shape, loss=loss, seed=seed, **given)
    mean, std = (numpy.asarray(x, numpy.float32)[:, None, None] for x in (data.mean, data.std))
    model.set_weights({"layers.0.weight": whitening((data.images[:2000] - mean) / std)})
    return model


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and its history."""
    model = model_for(data, seed)
    return model, model.fit(data, TRAINING, callbacks=[Lines()])


def accuracy(model: xpcnn.Model, test: Dataset) -> float:
    """Return the share of the test images that the mean over views classifies correctly."""
    p = model.predict_proba(test.images, views=VIEWS)
    return float((p.argmax(axis=1) == test.labels).mean())


FIGURE = Figure(train, "cifar10", seeds=1, accuracy=accuracy)

if __name__ == "__main__":
    FIGURE.show()
