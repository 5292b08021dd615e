"""The preset `sigmoid-binary`: zeros from ones, learnt from 100 images of each.

Run it: python examples/mnist_zeros_and_ones.py [--data-dir FOLDER]

The loss is binary cross-entropy, one output per class.

All choices were made on 6,000 further zeros and ones of the training part. The 2,115 of the test
part are used once per seed, for the figure.
"""

from figure import Figure

import xpcnn
from xpcnn.data import Dataset
from xpcnn.data.augment import Affine
from xpcnn.training import History


def train(data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Return a trained model and its history."""
    preset = xpcnn.models.preset("sigmoid-binary").for_data(data.shape, len(data.classes))
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed, loss=preset.loss)
    hands = Affine(degrees=15, scale=0.15, shear=15, shift=1)  # imitates more handwritings
    return model, model.fit(data, preset.training, augment=[hands])


FIGURE = Figure(train, "mnist", choice={"classes": [0, 1], "limit_per_class": 100})

if __name__ == "__main__":
    FIGURE.show()
