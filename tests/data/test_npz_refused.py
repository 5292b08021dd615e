"""Files of NumPy's arrays that are refused: what is said of each."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.test_npz import FORM, GOOD, IMAGES, LABELS, save
from xpcnn.data import load
from xpcnn.errors import DataError, DTypeError, LabelError, ShapeError, XpcnnError

BAD: list[tuple[dict[str, Any], type[XpcnnError], str]] = [
    (
        {"a": IMAGES, "b": LABELS},
        DataError,
        f"{{p}}: has no array 'images'; those in it: a, b\n{FORM}",
    ),
    (
        {**GOOD, "x_train": IMAGES, "y_train": LABELS},
        DataError,
        "{p}: the training images may be the array images or x_train\nTry: a file with one of them",
    ),
    (
        {"x_train": IMAGES},
        DataError,
        f"{{p}}: has no array 'y_train'; those in it: x_train\n{FORM}",
    ),
    (
        {**GOOD, "labels": np.array([[1.5, 0, 1]] * 6)},
        LabelError,
        "{p}: labels (6, 3) have several numbers for each image, not all of them 0 or 1\n"
        "Try: --task regression (task='regression') for numbers; for classes one index for each "
        "image, such as labels.argmax(axis=1)",
    ),
    (
        {**GOOD, "labels": LABELS + 0.5},
        LabelError,
        "{p}: labels has numbers with fractions, which are no classes\n"
        "Try: --task regression (task='regression'), for numbers",
    ),
    ({"images": IMAGES}, DataError, f"{{p}}: has no array 'labels'; those in it: images\n{FORM}"),
    (
        {**GOOD, "test_images": IMAGES},
        DataError,
        "{p}: has no array 'test_labels'; those in it: images, labels, test_images\n" + FORM,
    ),
    (
        {**GOOD, "labels": np.array([1, "cat", None], dtype=object)},
        DataError,
        "{p}: labels holds Python objects, which are pickled, and a pickle can run any code\n"
        f"{FORM} with arrays of numbers, or of text: labels.astype(str)",
    ),
    (
        {**GOOD, "labels": np.zeros(3, [("a", "<i4")])},
        DataError,
        f"{{p}}: labels is not an array of numbers or names\n{FORM}",
    ),
    (
        {**GOOD, "labels": np.zeros(3, "datetime64[s]")},
        DataError,
        f"{{p}}: labels is not an array of numbers or names\n{FORM}",
    ),
    (
        {**GOOD, "images": IMAGES[0, 0]},
        ShapeError,
        "{p}: images must have the shape (n, c, h, w), got (2, 4)\n"
        "Try: images.reshape(n, c, h, w); other numbers than pixels: Model.fit in Python",
    ),
    (
        {**GOOD, "images": IMAGES[:0]},
        DataError,
        "{p} is empty: images have the shape (0, 3, 2, 4)\n"
        "Try: check the path, or the filter that chose the images",
    ),
    (
        {**GOOD, "images": IMAGES.astype(np.int64)},
        DTypeError,
        "{p}: images must be uint8 or float32, got int64\nTry: images.astype('float32')",
    ),
    (
        {**GOOD, "images": np.full(IMAGES.shape, 1e300)},
        DataError,
        "{p}: 6 of 6 images hold NaN or infinity, the first: images 0, 1, 2, 3, 4\n"
        "Try: leave these images out, or fix their source",
    ),
    (
        {**GOOD, "labels": np.eye(2)[LABELS]},
        LabelError,
        "{p}: labels (6, 2) have exactly one 1 for each image: classes, or labels with one each\n"
        "Try: labels.argmax(axis=1) for classes; --task multi-label (task='multi-label') for "
        "labels that images may have at once",
    ),
    (
        {**GOOD, "labels": np.array(["cat", "dog", ""] * 2)},
        LabelError,
        "{p}: labels has an empty text as a label\nTry: a label for each image",
    ),
    (
        {**GOOD, "labels": np.array(["cat"] * 5)},
        LabelError,
        "{p}: 6 images but 5 labels\nTry: give one label for each image, in the same order",
    ),
    (
        {**GOOD, "labels": np.array(["cat", "dog"] * 3), "classes": np.array(["cat", "eel"])},
        LabelError,
        "{p}: the array classes has no 'dog', which is a label\nTry: one of cat, eel",
    ),
    (
        {
            **GOOD,
            "labels": np.array(["cat", "dog"] * 3),
            "test_images": IMAGES,
            "test_labels": np.array(["cat", "dig"] * 3),
        },
        LabelError,
        "{p}: test_images: there is no class 'dig' in the training part\n"
        "Try: 'dog' (valid: cat, dog)",
    ),
    (
        {
            **GOOD,
            "labels": np.array(["cat", "dog"] * 3),
            "test_images": IMAGES,
            "test_labels": LABELS,
        },
        LabelError,
        "{p}: labels are text in one part and numbers in another\n"
        "Try: numbers or text in all parts, or an array classes",
    ),
    (
        {**GOOD, "labels": LABELS[:4]},
        LabelError,
        "{p}: 6 images but 4 labels\nTry: give one label for each image, in the same order",
    ),
    (
        {**GOOD, "labels": -LABELS.astype(int)},
        LabelError,
        "{p}: 3 of 6 labels lie outside 0..0, the first: labels[0] = -1, labels[2] = -1, "
        "labels[5] = -1\nTry: number the classes from 0, and leave out images that have none",
    ),
    (
        {**GOOD, "labels": np.full(6, 2**40)},
        LabelError,
        "{p}: the largest label is 1099511627776, and no class names are given\n"
        "Try: an array classes with a name for each label from 0 on",
    ),
    (
        {**GOOD, "classes": np.array(["cat"])},
        LabelError,
        "{p}: 3 of 6 labels lie outside 0..0, the first: labels[0] = 1, labels[2] = 1, "
        "labels[5] = 1\nTry: name every class that occurs, or leave out the images of the others",
    ),
    (
        {**GOOD, "classes": np.array([3, 4])},
        DataError,
        '{p}: classes must be a row of names, got int64 (2,)\nTry: classes=numpy.array(["cat", '
        '"dog"])',
    ),
    (
        {**GOOD, "classes": np.array(["cat", "cat"])},
        DataError,
        "{p}: classes has a name twice\nTry: a name for each label",
    ),
    (
        {**GOOD, "test_images": IMAGES[:, :1], "test_labels": LABELS},
        ShapeError,
        "{p}: training images have the shape (3, 2, 4), test images (1, 2, 4)\n"
        "Try: images of one shape in all parts",
    ),
    (
        {**GOOD, "test_images": IMAGES[:1], "test_labels": np.array([5])},
        LabelError,
        "{p}: the test part: 1 of 1 labels lie outside 0..1, the first: labels[0] = 5\n"
        "Try: name every class that occurs, or leave out the images of the others",
    ),
    (
        {**GOOD, "test_images": IMAGES[0, 0], "test_labels": np.array([1])},
        ShapeError,
        "{p}: test_images: images must have the shape (n, c, h, w), got (2, 4)\n"
        "Try: images.reshape(n, c, h, w); other numbers than pixels: Model.fit in Python",
    ),
]


@pytest.mark.parametrize(("arrays", "error", "text"), BAD, ids=range(len(BAD)))
def test_wrong_arrays_are_named_with_the_file(
    tmp_path: Path, arrays: dict[str, Any], error: type[XpcnnError], text: str
) -> None:
    path = save(tmp_path, **arrays)
    with pytest.raises(error) as caught:
        load(path)
    assert type(caught.value) is error
    assert str(caught.value) == text.format(p=path)
