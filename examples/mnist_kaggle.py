"""The preset `kaggle` on MNIST: a narrow network of 10,166 parameters, trained without changes.

Run it: python examples/mnist_kaggle.py [--data-dir FOLDER]

All choices were made on a validation part (a tenth of the training images, by hash). The test
images are used once per seed, for the figure.
"""

from figure import Figure

import xpcnn
from xpcnn.data import Dataset
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and its history."""
    preset = xpcnn.models.preset("kaggle")
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed)
    return model, model.fit(data, preset.training)


FIGURE = Figure(train, "mnist")

if __name__ == "__main__":
    FIGURE.show()
