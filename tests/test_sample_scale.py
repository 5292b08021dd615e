"""Samples on another scale than those that a model was trained on are warned of."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from tests.small_model import Parts, fresh
from xpcnn.errors import (
    DataWarning,
)

SCALE = "given images spread .* times as wide as what the model normalises for"


def test_samples_on_another_scale_are_warned_of_once_a_call(parts: Parts) -> None:
    train, test = parts
    images, labels = test.images[:40], test.labels[:40]
    narrow, wide = images.astype(numpy.float32) / 255, images * numpy.uint8(15)
    model = fresh()
    model.predict(narrow)  # before any training nothing is known of the scale
    model.fit(train, epochs=1)
    calls: list[Callable[[Any], object]] = [
        lambda x: model.predict(x, batch_size=10),
        model.predict_proba,
        lambda x: model.predict(x[:1]),
        lambda x: model.evaluate((x, labels[: len(x)])),
        lambda x: model.fit((x, labels), epochs=1),
        lambda x: fresh().fit(train, epochs=1, validation=(x, labels)),
    ]
    for call in calls:
        for samples, factor in ((narrow, "multiply"), (wide, "divide")):
            with pytest.warns(DataWarning, match=SCALE) as said:
                call(samples)
            (one,) = said
            assert f". Try: {factor} the given images by " in str(one.message)
            assert one.filename == __file__
        call(images)  # no warning, which would be an error here


def test_a_picture_of_little_contrast_is_not_warned_of(parts: Parts) -> None:
    model = fresh()
    model.fit(parts[0], epochs=1)
    grey = numpy.random.default_rng(0).uniform(7.9, 8.1, (1, 1, 8, 8))
    model.predict(grey)
    model.predict((grey / 8).astype(numpy.uint8))
