"""Samples on another scale than those that a model was trained on are warned of."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from tests.small_model import Parts, fresh
from xpcnn import Model
from xpcnn.errors import (
    DataWarning,
)
from xpcnn.layers import Dense

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


def test_differences_that_float32_cannot_hold_are_warned_of() -> None:
    """Such as times in seconds since 1970 within an hour."""
    seconds = 1.7e9 + numpy.arange(0.0, 3600.0, 60.0)
    rows, labels = numpy.stack([numpy.arange(60.0), seconds], axis=1), numpy.arange(60) % 2
    model = Model([Dense(2)], input_shape=(2,))
    message = r"channel 1 lie near 1\.7e\+09, where float32 has steps of 128, and deviate by 1\.0"
    with pytest.warns(DataWarning, match=message) as said:
        model.fit((rows, labels), epochs=1)
    assert [warning.filename for warning in said] == [__file__]
    Model([Dense(2)], input_shape=(2,)).fit((rows - rows.mean(axis=0), labels), epochs=1)
    years = 1.7e9 + numpy.linspace(0.0, 3e7, 60)  # of which 128 seconds are little
    Model([Dense(1)], input_shape=(1,), task="regression").fit((years[:, None], years), epochs=1)
