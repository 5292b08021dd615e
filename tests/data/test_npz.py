"""Files of NumPy's arrays: what is read, and every way in which one can be wrong or hostile."""

import io
import random
import struct
import warnings
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
    (images, labels), test, classes = npz.read(path)
    np.testing.assert_array_equal(images, IMAGES)
    assert (images.dtype.name, labels.dtype.name) == ("uint8", "int64")
    assert labels.tolist() == LABELS.tolist()
    assert (test, classes) == (None, None)


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
    found = npz.read(path)[0][0]
    assert found.dtype == np.dtype(np.float32)
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_other_writers_spell_the_header_in_another_way(tmp_path: Path, version: int) -> None:
    text = "{'shape':(2,1,1,1),'fortran_order':False,'descr':'|u1'}"
    path = packed(
        tmp_path, {"images": header(text, version) + b"\x05\x06", "labels": npy(LABELS[:2])}
    )
    assert npz.read(path)[0][0].tolist() == [[[[5]]], [[[6]]]]


BAD: list[tuple[dict[str, Any], type[XpcnnError], str]] = [
    (
        {"x_train": IMAGES, "y_train": LABELS},
        DataError,
        f"{{p}}: has no array 'images'; those in it: x_train, y_train\n{FORM}",
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
        f"{FORM} with arrays of numbers",
    ),
    (
        {**GOOD, "labels": np.zeros(3, [("a", "<i4")])},
        DataError,
        f"{{p}}: labels is no array of numbers or names\n{FORM}",
    ),
    (
        {**GOOD, "labels": np.zeros(3, "datetime64[s]")},
        DataError,
        f"{{p}}: labels is no array of numbers or names\n{FORM}",
    ),
    (
        {**GOOD, "images": IMAGES[0]},
        ShapeError,
        "{p}: images must have the shape (n, c, h, w), got (3, 2, 4)\n"
        "Try: images[:, None], if they are grey",
    ),
    (
        {**GOOD, "images": np.zeros((6, 28, 28, 3), np.uint8)},
        ShapeError,
        "{p}: images look channels-last, expected (n, c, h, w), got (6, 28, 28, 3)\n"
        "Try: images.transpose(0, 3, 1, 2)",
    ),
    (
        {**GOOD, "images": IMAGES[:0]},
        DataError,
        "{p} is empty: images have the shape (0, 3, 2, 4)\n"
        "Try: check the path, or the filter that chose the images",
    ),
    (
        {**GOOD, "images": IMAGES.astype(np.float64)},
        DTypeError,
        "{p}: images must be uint8 or float32, got float64\nTry: images.astype('float32')",
    ),
    (
        {**GOOD, "labels": np.eye(6, 2)},
        LabelError,
        "{p}: labels look one-hot: expected one class index per image, shape (6,), "
        "got shape (6, 2)\nTry: labels.argmax(axis=1)",
    ),
    (
        {**GOOD, "labels": np.array(["cat", "dog"] * 3)},
        LabelError,
        "{p}: labels must be integers, got strings\n"
        "Try: names, labels = numpy.unique(labels, return_inverse=True), with "
        "classes=tuple(names)",
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
        "Try: images of one shape in both parts",
    ),
    (
        {**GOOD, "test_images": IMAGES[:1], "test_labels": np.array([5])},
        LabelError,
        "{p}: the test part: 1 of 1 labels lie outside 0..1, the first: labels[0] = 5\n"
        "Try: name every class that occurs, or leave out the images of the others",
    ),
    (
        {**GOOD, "test_images": IMAGES[:1, 0], "test_labels": np.array([1])},
        ShapeError,
        "{p}: the test part: images must have the shape (n, c, h, w), got (1, 2, 4)\n"
        "Try: images[:, None], if they are grey",
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


U1 = "{'descr': '|u1', 'fortran_order': False, 'shape': "
HOSTILE = {
    "no array": (b"<!DOCTYPE html>", f"is no array in NumPy's format\n{FORM}"),
    "an unknown version": (
        b"\x93NUMPY\x07\0" + npy(IMAGES)[8:],
        f"is no array in NumPy's format\n{FORM}",
    ),
    "a header that is code": (
        header("__import__('os').system('true')"),
        f"is no array of numbers or names\n{FORM}",
    ),
    "an unknown dtype": (
        header(U1.replace("|u1", "<f7") + "(1,1,1,1), }"),
        f"has no dtype that NumPy knows\n{FORM}",
    ),
    "an empty dtype": (
        header(U1.replace("|u1", "<U0") + "(1,1,1,1), }"),
        f"is no array of numbers or names\n{FORM}",
    ),
    "a dtype too long": (
        header(U1.replace("|u1", "<U99999999999") + "(1,1,1,1), }"),
        f"has no dtype that NumPy knows\n{FORM}",
    ),
    "no elements, in too many dimensions": (
        header(U1 + "(0, " + "1, " * 99 + "), }"),
        f"is no array of numbers or names\n{FORM}",
    ),
    "no elements, in a dimension too large": (
        header(U1 + f"(0, {10**30}), }}"),
        f"is no array of numbers or names\n{FORM}",
    ),
    "a header too long": (
        header(" " * 5000 + U1 + "(2, 1, 2, 2), }") + bytes(8),
        f"is no array of numbers or names\n{FORM}",
    ),
    "sizes that overflow": (
        header(U1 + "(9999999999, 9999999999, 1, 1), }"),
        "its header says uint8 (9999999999, 9999999999, 1, 1), 99999999980000000001 bytes: "
        f"more than it can hold\n{AGAIN}",
    ),
    "one byte short": (
        header(U1 + "(2, 1, 2, 2), }") + bytes(7),
        f"its header says uint8 (2, 1, 2, 2), 8 bytes, but only 7 follow\n{AGAIN}",
    ),
    "one byte long": (
        header(U1 + "(2, 1, 2, 2), }") + bytes(9),
        f"its header says uint8 (2, 1, 2, 2), 8 bytes, but more follow\n{AGAIN}",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_array_that_lies_is_refused(tmp_path: Path, kind: str) -> None:
    content, text = HOSTILE[kind]
    path = packed(tmp_path, {"images": content, "labels": npy(LABELS)})
    with pytest.raises(DataError) as caught:
        npz.read(path)
    assert str(caught.value) == f"{path}: images{':' if 'says' in text else ''} {text}"


def test_what_is_compressed_expands_to_what_its_header_says_and_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    empty = np.empty

    def counted(size: int, dtype: type) -> np.ndarray:
        taken.append(size)
        return empty(size, dtype)

    monkeypatch.setattr(npz.np, "empty", counted)  # type: ignore[attr-defined]  # a module's import
    shape = "(2000000000, 1, 1, 1), }"
    bomb = {"images": header(U1 + shape) + bytes(3_000_000), "labels": npy(LABELS)}
    path = packed(tmp_path, bomb, zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="2000000000 bytes: more than it can hold"):
        npz.read(path)
    monkeypatch.setattr(npz, "LIMIT", 2_000_000)
    bomb["images"] = header(U1 + "(3000000, 1, 1, 1), }") + bytes(3_000_000)
    path = packed(tmp_path, bomb, zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError) as caught:
        npz.read(path)
    assert str(caught.value) == (
        f"{path}: images: its header says uint8 (3000000, 1, 1, 1), 3000000 bytes: more than the "
        "2000000 that compressed data may expand to\n"
        "Try: numpy.savez instead of savez_compressed, if you trust it"
    )
    assert taken == []  # no memory was taken


def test_a_directory_that_lies_is_held_against_the_length_of_the_file(tmp_path: Path) -> None:
    bomb = {"images": header(U1 + "(2000000000, 1, 1, 1), }"), "labels": npy(LABELS)}
    path = packed(tmp_path, bomb)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 20 : entry + 28] = struct.pack("<II", 2_000_000_999, 2_000_000_999)
    path.write_bytes(content)
    with pytest.raises(DataError, match="2000000000 bytes: more than it can hold"):
        npz.read(path)


def test_other_ways_of_packing_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, {"images": npy(IMAGES), "labels": npy(LABELS)}, zipfile.ZIP_LZMA)
    with pytest.raises(DataError) as caught:
        npz.read(path)
    assert str(caught.value) == (
        f"{path}: images is encrypted, or packed as NumPy never does\n{FORM}"
    )


def test_a_file_that_is_damaged_or_another(tmp_path: Path) -> None:
    path = save(tmp_path, **GOOD)
    content = bytearray(path.read_bytes())
    content[300] ^= 1  # a pixel
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        npz.read(path)
    assert str(caught.value) == (
        f"{path}: is damaged, or no .npz file: Bad CRC-32 for file 'images.npy'\n{AGAIN}"
    )
    path.write_bytes(npy(IMAGES))
    with pytest.raises(DataError) as caught:
        npz.read(path)
    assert str(caught.value) == (
        f"{path}: is damaged, or no .npz file: File is not a zip file\n{AGAIN}"
    )


def test_names_with_characters_that_do_not_exist(tmp_path: Path) -> None:
    text = "{'descr': '<U1', 'fortran_order': False, 'shape': (2,), }"
    members = {name: npy(array) for name, array in GOOD.items()}
    for letter in (b"\xff\xff\xff\xff", b"\0\0\x11\0", b"\0\xd8\0\0"):
        path = packed(tmp_path, {**members, "classes": header(text) + b"a\0\0\0" + letter})
        with pytest.raises(DataError) as caught:
            npz.read(path)
        message = f"{path}: classes has a name with characters that do not exist"
        assert str(caught.value) == f"{message}\n{AGAIN}"


def test_no_damage_gets_through_as_another_error(tmp_path: Path) -> None:
    target = io.BytesIO()
    np.savez_compressed(target, **GOOD, classes=np.array(["a", "b"]))
    good, chance = target.getvalue(), random.Random(0)
    path = tmp_path / "own.npz"
    texts = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, of names that are there twice
        for _ in range(500):
            content = bytearray(good)
            for _ in range(chance.choice([1, 1, 3])):
                content[chance.randrange(len(content))] = chance.randrange(256)
            path.write_bytes(content)
            try:
                npz.read(path)
            except XpcnnError as error:
                texts.append(str(error))
    assert len(texts) > 250
    assert all("\nTry: " in text for text in texts)
