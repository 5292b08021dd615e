"""The presets as networks to check, and real images in the shapes that they take."""

from collections.abc import Callable

import numpy

from xpcnn import data
from xpcnn.backend import Backend
from xpcnn.data import Dataset
from xpcnn.layers import Concat, Layer, Multiply, Residual, Sequential
from xpcnn.model import Model
from xpcnn.models import Preset, names, preset
from xpcnn.types import Shape

FIRST = ("tiny", "small", "lenet5", "medium", "large-bn", "resnet20")
"""The presets that figures are promised for, before the others."""


def presets() -> list[Preset]:
    """Return all presets that take the digits, the promised ones first."""
    order = [*FIRST, *(name for name in names() if name not in FIRST)]
    return [p for p in map(preset, order) if 8 <= min(p.input_shape[1:]) < 100]


def model_of(found: Preset, backend: Backend, dtype: str = "float32", seed: int = 0) -> Model:
    """Return a new model of a preset; the same seed means the same weights on every backend."""
    shape, layers, loss = found.input_shape, found.layers, found.loss
    return Model(layers, input_shape=shape, backend=backend, loss=loss, dtype=dtype, seed=seed)


def images(shape: Shape, classes: int, n: int) -> Dataset:
    """Return n of the embedded digits, enlarged and padded to (c, h, w), repeated if there are few.

    Digits at or above `classes` are left out. Grey images keep their flat background, as MNIST has
    it; colours differ in brightness and have noise, as photographs have: on flat colours whole
    regions would cross the kink of a ReLU at once, by a rounding error.
    """
    train, _ = data.load("digits", classes=range(classes))
    c, h, w = shape
    rows = numpy.arange(n) % len(train)
    enlarged = numpy.kron(train.images[rows], numpy.ones((1, 1, h // 8, w // 8), numpy.uint8))
    down, across = h - enlarged.shape[2], w - enlarged.shape[3]
    sides = ((0, 0), (0, 0), (down // 2, down - down // 2), (across // 2, across - across // 2))
    grey = numpy.pad(enlarged, sides).astype(numpy.uint8)
    pixels = numpy.concatenate([grey * (k + 1) for k in range(c)], axis=1)  # up to 16 each
    if c > 1:
        noise = numpy.random.default_rng(0).integers(0, 32, pixels.shape, numpy.uint8)
        pixels = pixels * 4 + noise
    return Dataset.from_arrays(pixels, train.labels[rows], train.classes)


def with_leaves(layer: Layer, change: Callable[[Layer], Layer]) -> Layer:
    """Return the network with every layer that is no container changed; paths stay."""
    match layer:
        case Sequential(layers):
            return Sequential([with_leaves(child, change) for child in layers])
        case Concat(branches):
            return Concat([with_leaves(child, change) for child in branches])
        case Residual(body, shortcut) | Multiply(body, shortcut):
            around = None if shortcut is None else with_leaves(shortcut, change)
            return type(layer)(with_leaves(body, change), around)
    return change(layer)
