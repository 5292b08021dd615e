"""Labels of a Model: names of classes, labels on the device, balanced weights of classes."""

from dataclasses import replace
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.lib import Lib
from tests.small_model import Parts, fresh
from xpcnn import Model
from xpcnn.errors import (
    ConfigError,
    LabelError,
)
from xpcnn.layers import (
    Dense,
    Flatten,
)
from xpcnn.losses import SoftmaxCrossEntropy


def test_the_first_fit_validates_by_the_names_of_the_training_classes(parts: Parts) -> None:
    """As `evaluate` does afterwards: another order, fewer classes, no foreign ones."""
    train, test = parts
    backwards = replace(test, labels=9 - test.labels, classes=test.classes[::-1])
    three = test.labels < 3
    few = replace(
        test, images=test.images[three], labels=test.labels[three], classes=test.classes[:3]
    )
    for data in (backwards, few):
        model = fresh()
        seen = model.fit(train, epochs=1, validation=data)
        assert seen["val_accuracy"][-1] == pytest.approx(model.evaluate(data)["accuracy"])
    foreign = replace(test, classes=tuple("abcdefghij"))
    with pytest.raises(LabelError, match="classes that the model does not know: a, b, c, d, e"):
        fresh().fit(train, epochs=1, validation=foreign)


def test_labels_go_by_the_names_of_classes(
    parts: Parts,
) -> None:
    train, test = (part.select(classes=["3", "1", "7"]) for part in parts)
    model = Model([Flatten(), Dense(3)], input_shape=train.shape)
    model.fit(train, epochs=3)
    figures = model.evaluate(test)
    assert figures["accuracy"] > 0.95
    other = parts[1].select(classes=["7", "3", "1"])
    assert model.evaluate(other) == pytest.approx(figures)
    assert model.evaluate(parts[1].select(classes=["7", "1"]))["accuracy"] > 0.95


def test_labels_on_the_device(parts: Parts, lib: Lib) -> None:
    _, test = parts
    model = fresh(backend=lib.backend)
    on_device = lib.asarray(test.images), lib.asarray(test.labels)
    assert model.evaluate(on_device) == model.evaluate((test.images, test.labels))


def test_balanced_class_weights_are_those_of_the_training_data(tmp_path: Path) -> None:
    images = numpy.zeros((6, 1, 8, 8), numpy.uint8)
    loss = SoftmaxCrossEntropy(class_weights="balanced")
    model = Model([Flatten(), Dense(2)], input_shape=(1, 8, 8), loss=loss)
    model.fit((images, [0, 0, 1, 0, 0, 1]), epochs=1)
    assert model.loss == SoftmaxCrossEntropy(class_weights=(0.75, 1.5))
    model.fit((images, [0, 1, 1, 1, 0, 1]), epochs=1)
    assert model.loss == SoftmaxCrossEntropy(class_weights=(0.75, 1.5))  # worked out once
    model.save(tmp_path / "m.safetensors")
    assert xpcnn.load(tmp_path / "m.safetensors").loss == model.loss


def test_a_fit_that_fails_leaves_balanced_weights_open() -> None:
    loss = SoftmaxCrossEntropy(class_weights="balanced")
    model = Model([Flatten(), Dense(2)], input_shape=(1, 8, 8), loss=loss)
    with pytest.raises(ConfigError, match="class 1 has no training samples"):
        model.fit((numpy.zeros((3, 1, 8, 8), numpy.uint8), [0, 0, 0]))
    assert model.loss is loss
