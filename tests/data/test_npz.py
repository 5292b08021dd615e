"""Files of NumPy's arrays: what is read, and what is refused."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpcnn.data import files, load, npz
from xpcnn.errors import DataError, DTypeError, LabelError, ShapeError, XpcnnError

AGAIN = "Try: " + files.AGAIN
FORM = "Try: numpy.savez(path, images=images, labels=labels)"
IMAGES = np.arange(6 * 3 * 2 * 4, dtype=np.uint8).reshape(6, 3, 2, 4)
LABELS = np.array([1, 0, 1, 0, 0, 1], np.uint8)
GOOD: dict[str, Any] = {"images": IMAGES, "labels": LABELS}


def save(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "own.npz", **arrays)
    return folder / "own.npz"


def packed(folder: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip file whose members are not NumPy's."""
    with zipfile.ZipFile(folder / "own.npz", "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return folder / "own.npz"


def npy(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.lib.format.write_array(target, array)
    return target.getvalue()


def header(text: str, version: int = 1) -> bytes:
    """Return the start of an array with that header."""
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode()


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_they_are(tmp_path: Path, write: Callable[..., None]) -> None:
    path = tmp_path / "own.npz"
    write(path, **GOOD, other=np.zeros(3))
    (images, labels), validation, test, classes, notes, task = npz.read(path)
    np.testing.assert_array_equal(images, IMAGES)
    assert (images.dtype.name, labels.dtype.name) == ("uint8", "int64")
    assert labels.tolist() == LABELS.tolist()
    assert (validation, test, classes, notes, task) == (None, None, None, (), "classification")


def test_a_test_part_and_names_of_classes(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        **GOOD,
        test_images=IMAGES[:2] + np.uint8(1),
        test_labels=LABELS[:2],
        classes=np.array(["cat", "dog", "eel"]),
    )
    train, test = load(path)
    assert (train.name, test.name, train.shape) == ("own.npz", "own.npz", (3, 2, 4))
    assert train.classes == test.classes == ("cat", "dog", "eel")
    np.testing.assert_array_equal(test.images, IMAGES[:2] + 1)
    assert test.labels.tolist() == [1, 0]


GREY = np.random.default_rng(1).integers(0, 256, (60, 8, 8), dtype=np.uint8)
CLASSES = np.arange(60) % 3


def test_medmnist_names_its_parts_in_its_way(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        train_images=GREY[:40],
        train_labels=CLASSES[:40, None].astype(np.uint8),
        val_images=GREY[40:50],
        val_labels=CLASSES[40:50, None],
        test_images=GREY[50:],
        test_labels=CLASSES[50:, None],
    )
    found = npz.read(path)
    for part, where in zip(found[:3], (slice(40), slice(40, 50), slice(50, 60)), strict=True):
        assert part is not None
        np.testing.assert_array_equal(part[0], GREY[where, None])
        np.testing.assert_array_equal(part[1], CLASSES[where])
    assert found[3:5] == (None, ())


def test_keras_names_its_parts_in_its_way(tmp_path: Path) -> None:
    path = save(
        tmp_path, x_train=GREY[:40], y_train=CLASSES[:40], x_test=GREY[40:], y_test=CLASSES[40:]
    )
    train, test = load(path)
    np.testing.assert_array_equal(train.images, GREY[:40, None])
    np.testing.assert_array_equal(test.images, GREY[40:, None])
    assert test.labels.tolist() == CLASSES[40:].tolist()


@pytest.mark.parametrize(
    "names",
    [
        ("X_train", "y_train", "X_test", "y_test"),
        ("X", "Y", "X_TEST", "Y_TEST"),
        ("x", "y", "", ""),
    ],
)
def test_names_are_understood_in_any_case(tmp_path: Path, names: tuple[str, ...]) -> None:
    arrays = dict(zip(names, (GREY[:40], CLASSES[:40], GREY[40:], CLASSES[40:]), strict=True))
    arrays.pop("", None)
    train, _, test, *_ = npz.read(save(tmp_path, **arrays))
    np.testing.assert_array_equal(train[0], GREY[:40, None])
    np.testing.assert_array_equal(train[1], CLASSES[:40])
    assert (test is None) == ("" in names)
    if test is not None:
        np.testing.assert_array_equal(test[0], GREY[40:, None])


def test_of_several_names_the_lower_and_the_longer_ones_are_taken(tmp_path: Path) -> None:
    path = save(tmp_path, x_train=GREY[:40], y_train=CLASSES[:40], X_train=GREY[40:])
    np.testing.assert_array_equal(npz.read(path).train[0], GREY[:40, None])
    path = save(tmp_path, **GOOD, x=np.zeros(6), y=np.zeros(6))  # positions, say
    np.testing.assert_array_equal(npz.read(path).train[0], IMAGES)


def test_float64_images_are_rounded_as_fit_does(tmp_path: Path) -> None:
    exact = IMAGES / 3
    images = npz.read(save(tmp_path, images=exact, labels=LABELS)).train[0]
    assert images.dtype.name == "float32"
    np.testing.assert_array_equal(images, exact.astype(np.float32))


def test_text_labels_become_classes_in_order(tmp_path: Path) -> None:
    texts = np.array(["eel", "cat", "dog"])
    path = save(
        tmp_path,
        x_train=GREY[:40],
        y_train=texts[CLASSES[:40], None],
        x_test=GREY[40:],
        y_test=texts[CLASSES[40:]],
    )
    train, test = load(path)
    assert train.classes == test.classes == ("cat", "dog", "eel")
    for part, labels in ((train, CLASSES[:40]), (test, CLASSES[40:])):
        assert [part.classes[label] for label in part.labels] == texts[labels].tolist()


def test_text_labels_that_are_numbers_are_in_order_of_these(tmp_path: Path) -> None:
    found = npz.read(save(tmp_path, images=IMAGES, labels=np.array(["10", "9", "2"] * 2)))
    assert (found.classes, found.train[1].tolist()) == (("2", "9", "10"), [2, 1, 0, 2, 1, 0])


def test_text_labels_count_the_classes_of_the_file(tmp_path: Path) -> None:
    classes = np.array(["dog", "cat", "eel"])
    found = npz.read(save(tmp_path, images=IMAGES, labels=classes[LABELS], classes=classes))
    assert (found.classes, found.train[1].tolist()) == (("dog", "cat", "eel"), LABELS.tolist())


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_images_are_turned_and_that_is_said(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (60, 9, 9, channels), dtype=np.uint8)
    path = save(tmp_path, images=images, labels=CLASSES)
    found = npz.read(path)
    np.testing.assert_array_equal(found.train[0], images.transpose(0, 3, 1, 2))
    assert found.train[0].flags.c_contiguous
    assert found.notes == (
        f"{path}: images {images.shape} are taken for channels-last, (n, h, w, c)",
    )
    first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    assert npz.read(save(tmp_path, images=first, labels=CLASSES)).notes == ()


@pytest.mark.parametrize(
    "images",
    [
        np.asfortranarray(IMAGES.astype(np.float32)),
        IMAGES.astype(">f4"),
        IMAGES.astype(np.float32).transpose(3, 2, 1, 0)[::2],
    ],
    ids=["column order", "big-endian", "a view"],
)
def test_other_orders_in_memory(tmp_path: Path, images: np.ndarray) -> None:
    path = save(tmp_path, images=images, labels=np.arange(len(images)))
    found = npz.read(path).train[0]
    assert found.dtype == np.dtype(np.float32)
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_other_writers_spell_the_header_in_another_way(tmp_path: Path, version: int) -> None:
    text = "{'shape':(2,1,1,1),'fortran_order':False,'descr':'|u1'}"
    path = packed(
        tmp_path, {"images": header(text, version) + b"\x05\x06", "labels": npy(LABELS[:2])}
    )
    assert npz.read(path).train[0].tolist() == [[[[5]]], [[[6]]]]


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
