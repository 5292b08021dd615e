"""From a generator of batches to a data set."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import xpcnn
from xpcnn.data import from_batches
from xpcnn.errors import DataError, DTypeError, LabelError, ShapeError, XpcnnError
from xpcnn.layers import Dense, Flatten

Batch = tuple[np.ndarray, Any]


def batch(*values: int, labels: Any = None) -> Batch:
    images = np.asarray(values, np.uint8)[:, None, None, None] + np.zeros((1, 1, 2, 3), np.uint8)
    return images, [0] * len(values) if labels is None else labels


def test_batches_are_joined_in_their_order() -> None:
    data = from_batches(iter([batch(1, 2, labels=[0, 1]), batch(3, labels=np.array([1], "u1"))]))
    assert (data.images[:, 0, 1, 2].tolist(), data.labels.tolist()) == ([1, 2, 3], [0, 1, 1])
    assert (data.shape, data.classes) == ((1, 2, 3), ("0", "1"))
    assert data.images.dtype == np.uint8
    assert (data.name, data.mean) == ("batches", (2.0,))
    named = from_batches([batch(1)], classes=["cat", "dog"], name="pets")
    assert (named.name, named.classes) == ("pets", ("cat", "dog"))


def test_a_generator_may_use_its_arrays_again() -> None:
    def reusing() -> Iterator[Batch]:
        images, labels = np.zeros((1, 1, 1, 2), np.float32), np.zeros(1, np.int64)
        for i in range(3):
            images[...] = labels[...] = i
            yield images, labels

    data = from_batches(reusing())
    assert data.images[:, 0, 0, 0].tolist() == [0.0, 1.0, 2.0]
    assert data.labels.tolist() == [0, 1, 2]


def test_a_model_learns_from_it() -> None:
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 2, 8) for _ in range(5)]
    batches = ((y[:, None, None, None] * np.ones((1, 1, 2, 2), np.float32), y) for y in labels)
    data = from_batches((x.astype(np.float32), y) for x, y in batches)
    model = xpcnn.Model([Flatten(), Dense(2)], input_shape=data.shape)
    assert model.fit(data, epochs=5)["accuracy"][-1] == 1.0


GOOD = batch(1, 2)
BAD: list[tuple[list[Any], type[XpcnnError], str]] = [
    ([], DataError, "there are no batches\nTry: a fresh generator: one runs only once"),
    (
        [GOOD, GOOD[0]],
        DataError,
        "batch 1: expected a pair (images, labels), got ndarray\nTry: yield images, labels",
    ),
    (
        [GOOD, (*GOOD, None)],
        DataError,
        "batch 1: expected a pair (images, labels), got tuple\nTry: yield images, labels",
    ),
    (
        [GOOD, (GOOD[0][:, :, :1], GOOD[1])],
        ShapeError,
        "batch 1: images have the shape (1, 1, 3), before (1, 2, 3)\nTry: images of one size",
    ),
    (
        [GOOD, (GOOD[0].astype(np.float32), GOOD[1])],
        DTypeError,
        "batch 1: images are float32, before uint8\nTry: images.astype('uint8')",
    ),
    (
        [GOOD, GOOD, (GOOD[0][:, 0], GOOD[1])],
        ShapeError,
        "batch 2: images must have the shape (n, c, h, w), got (2, 2, 3)\n"
        "Try: images[:, None], if they are grey",
    ),
    (
        [batch(1, 2, labels=[0])],
        LabelError,
        "batch 0: 2 images but 1 label\nTry: give one label for each image, in the same order",
    ),
    (
        [batch(1, 2, labels=np.eye(2))],
        LabelError,
        "batch 0: labels look one-hot: expected one class index per image, shape (2,), "
        "got shape (2, 2)\nTry: labels.argmax(axis=1)",
    ),
    (
        [batch(1, 2, labels=[0, -1])],
        LabelError,
        "data set 'batches': 1 of 2 labels lie outside 0..0, the first: labels[1] = -1\n"
        "Try: number the classes from 0, and leave out images that have none",
    ),
]


@pytest.mark.parametrize(("batches", "error", "text"), BAD, ids=range(len(BAD)))
def test_wrong_batches_are_named(batches: list[Any], error: type[XpcnnError], text: str) -> None:
    with pytest.raises(error) as caught:
        from_batches(batches)
    assert type(caught.value) is error
    assert str(caught.value) == text
