"""The check of labels: wrong labels beside those in tests/mistakes, with their texts."""

from typing import Any

import numpy as np
import pytest

from xpcnn.data import Dataset
from xpcnn.data.labels import as_indices, as_names, check_range
from xpcnn.errors import DataError, LabelError

NAMES = "names, labels = numpy.unique(labels, return_inverse=True), with classes=tuple(names)"

NOT_INDICES: list[tuple[Any, str]] = [
    (
        [[0], [1, 2], [0]],
        "d: labels are not an array: expected one class index per image\nTry: a list of whole "
        "numbers",
    ),
    (
        5,
        "d: labels have the wrong rank: expected one class index per image, shape (3,), "
        "got shape ()\nTry: labels.reshape(-1)",
    ),
    (
        np.zeros((3, 2, 2), int),
        "d: labels have the wrong rank: expected one class index per image, shape (3,), got shape "
        "(3, 2, 2)\nTry: one class for each image; where each pixel is 0 or 1, "
        "labels.reshape(3, -1) for Model(task='multi-label')",
    ),
    (np.array([b"a", b"b", b"a"]), f"d: labels must be integers, got strings\nTry: {NAMES}"),
    (
        np.array(["a", "b", "a"], np.dtypes.StringDType()),
        f"d: labels must be integers, got strings\nTry: {NAMES}",
    ),
    ([True, False, True], "d: labels must be integers, got booleans\nTry: labels.astype('int64')"),
    (
        [0.0, float("nan"), 1.0],
        "d: labels must be integers, got NaN or infinity, the first: labels[1]\n"
        "Try: leave out the images without a label",
    ),
    (
        [None, 1, 2],
        "d: labels must be integers, got dtype object\nTry: numpy.asarray(labels, dtype='int64')",
    ),
    (
        [[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]],
        "d: labels are probabilities, expected one class index per image\n"
        "Try: labels.argmax(axis=1), the likeliest class; or every image once for each class: "
        "images.repeat(2, axis=0), numpy.tile(range(2), 3), sample_weights=labels.ravel()",
    ),
    (
        [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]],
        "d: labels look one-hot: expected one class index per image, shape (3,), got shape "
        "(3, 2)\nTry: labels.argmax(axis=1)",
    ),
    ([], "d: 3 images but 0 labels\nTry: give one label for each image, in the same order"),
]


@pytest.mark.parametrize(("labels", "text"), NOT_INDICES)
def test_labels_that_are_no_indices_are_refused(labels: object, text: str) -> None:
    with pytest.raises(LabelError) as caught:
        as_indices(labels, 3, "d")
    assert str(caught.value) == text
    assert isinstance(caught.value, DataError)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", ">i4", "int64", "uint64"])
def test_any_integers_become_int64(dtype: str) -> None:
    labels = as_indices(np.array([2, 0, 1], dtype), 3, "d")
    assert labels.dtype == np.int64
    assert labels.tolist() == [2, 0, 1]


def test_of_labels_out_of_range_the_first_are_named() -> None:
    with pytest.raises(LabelError) as caught:
        check_range(np.array([0, 9, 9, 9, 9, 9, 9]), 3, "d")
    assert str(caught.value) == (
        "d: 6 of 7 labels lie outside 0..2, the first: labels[1] = 9, labels[2] = 9, "
        "labels[3] = 9, labels[4] = 9, labels[5] = 9\n"
        "Try: name every class that occurs, or leave out the images of the others"
    )


def test_a_label_too_large_for_int64_is_refused() -> None:
    labels = as_indices(np.array([0, 2**64 - 1], np.uint64), 2, "d")
    with pytest.raises(LabelError, match=r"^d: 1 of 2 labels lie outside 0\.\.2"):
        check_range(labels, 3, "d")


def test_labels_in_range_pass() -> None:
    check_range(np.array([0, 2, 1]), 3, "d")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (range(3), "d: classes is a range, expected a text for each class\n"),
        ("abc", "d: classes is 'abc', expected a text for each class\n"),
        ([], "d: classes is a list, expected a text for each class\n"),
        (["a", "b", "a"], "d: classes has a name twice\nTry: a name for each label"),
    ],
)
def test_names_of_classes_are_different_texts(names: Any, text: str) -> None:
    with pytest.raises(DataError, match=f"^{text}"):
        as_names(names, "d")
    images = np.zeros((3, 1, 2, 2), np.uint8)
    with pytest.raises(DataError):
        Dataset.from_arrays(images, [0, 1, 2], names)


def test_names_may_be_an_array_of_texts() -> None:
    assert as_names(np.array(["a", "b"]), "d") == ("a", "b")
