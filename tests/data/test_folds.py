"""Folds: every image in one, every class in all alike, equal images together."""

import numpy
import pytest

from xpcnn.data import Dataset, fold, load
from xpcnn.errors import XpcnnError


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_every_image_is_in_one_fold_and_classes_differ_by_one(folds: int) -> None:
    whole, _ = load("digits")
    whole = whole.subset(range(200))
    rows = {image.tobytes(): i for i, image in enumerate(whole.images)}
    seen: list[int] = []
    counts = []
    for number in range(1, folds + 1):
        train, validation = fold(whole, number, folds, seed=0)
        assert len(train) + len(validation) == len(whole)
        seen += [rows[image.tobytes()] for image in validation.images]
        counts.append(numpy.bincount(validation.labels, minlength=10))
    assert sorted(seen) == list(range(200))
    assert (numpy.ptp(counts, axis=0) <= 1).all()  # of each class
    assert numpy.ptp(numpy.sum(counts, axis=1)) <= 1  # in all


def test_folds_depend_on_the_seed_and_not_on_the_order() -> None:
    whole, _ = load("digits")
    whole = whole.subset(range(100))
    mirrored = whole.subset(range(99, -1, -1))
    first = {image.tobytes() for image in fold(whole, 1, 5, 0)[1].images}
    assert first == {image.tobytes() for image in fold(mirrored, 1, 5, 0)[1].images}
    assert first != {image.tobytes() for image in fold(whole, 1, 5, 1)[1].images}


def test_equal_images_of_a_class_stay_together() -> None:
    images = numpy.zeros((12, 1, 2, 2), "f4")
    images[6:] = numpy.arange(6.0)[:, None, None, None] + 1
    whole = Dataset.from_arrays(images, [0] * 12)
    zeros = [
        int((fold(whole, k, 3, 0)[1].images.max(axis=(1, 2, 3)) == 0).sum()) for k in (1, 2, 3)
    ]
    assert sorted(zeros) == [0, 0, 6]


@pytest.mark.parametrize(
    ("number", "folds", "text"),
    [
        (1, 1, "folds is 1, expected 2 or more\nTry: folds=5"),
        (4, 3, "fold is 4, expected a number from 1 to 3\nTry: fold=1"),
        (1, 9, "data set 'arrays': 4 different images are too few for 9 folds\nTry: fewer folds"),
    ],
)
def test_bad_folds(number: int, folds: int, text: str) -> None:
    whole = Dataset.from_arrays(numpy.arange(16.0, dtype="f4").reshape(4, 1, 2, 2), [0, 1, 0, 1])
    with pytest.raises(XpcnnError) as caught:
        fold(whole, number, folds, 0)
    assert str(caught.value) == text
