"""Files of NumPy's arrays: what is read, and how."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpcnn.data import files, load, npz

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
    (images, labels), validation, test, classes, _, notes, task = npz.read(path)
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
    assert (found.classes, found.notes) == (None, ())


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
