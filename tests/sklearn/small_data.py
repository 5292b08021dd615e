"""Small data for the estimators: rows of features with texts as labels, and with numbers."""

import numpy

import xpcnn
from tests.lib import Host


def digits(n: int) -> tuple[Host, Host]:
    """Return rows of 64 pixels, and labels as texts."""
    train, _ = xpcnn.data.load("digits")
    texts = numpy.asarray([f"digit {k}" for k in train.labels[:n]])
    return train.images[:n].reshape(n, -1), texts


def curve(n: int = 200) -> tuple[Host, Host]:
    """Return rows of two features, and a target in large units that depends on them."""
    x = numpy.random.default_rng(0).uniform(-1, 1, (n, 2))
    return x, 1e4 * (x[:, 0] ** 2 - x[:, 1]) + 5e4
