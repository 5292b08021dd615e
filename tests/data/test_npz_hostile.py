"""Files of arrays that lie about their lengths, expand too far, or are damaged."""

import io
import random
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.data.test_npz import AGAIN, FORM, GOOD, IMAGES, LABELS, header, npy, packed, save
from xpcnn.data import npz, npz_archive
from xpcnn.errors import DataError, XpcnnError

U1 = "{'descr': '|u1', 'fortran_order': False, 'shape': "
HOSTILE = {
    "no array": (b"<!DOCTYPE html>", f"is not an array in NumPy's format\n{FORM}"),
    "an unknown version": (
        b"\x93NUMPY\x07\0" + npy(IMAGES)[8:],
        f"is not an array in NumPy's format\n{FORM}",
    ),
    "a header that is code": (
        header("__import__('os').system('true')"),
        f"is not an array of numbers or names\n{FORM}",
    ),
    "an unknown dtype": (
        header(U1.replace("|u1", "<f7") + "(1,1,1,1), }"),
        f"has no dtype that NumPy knows\n{FORM}",
    ),
    "an empty dtype": (
        header(U1.replace("|u1", "<U0") + "(1,1,1,1), }"),
        f"is not an array of numbers or names\n{FORM}",
    ),
    "a dtype too long": (
        header(U1.replace("|u1", "<U99999999999") + "(1,1,1,1), }"),
        f"has no dtype that NumPy knows\n{FORM}",
    ),
    "no elements, in too many dimensions": (
        header(U1 + "(0, " + "1, " * 99 + "), }"),
        f"is not an array of numbers or names\n{FORM}",
    ),
    "no elements, in a dimension too large": (
        header(U1 + f"(0, {10**30}), }}"),
        f"is not an array of numbers or names\n{FORM}",
    ),
    "a size that is no number": (
        header(U1 + "(2, 1 5 2, 2), }") + bytes(20),
        f"is not an array of numbers or names\n{FORM}",
    ),
    "a size of thousands of digits": (
        header(U1 + f"({'9' * 4500}, 1), }}"),
        f"is not an array of numbers or names\n{FORM}",
    ),
    "a header too long": (
        header(" " * 5000 + U1 + "(2, 1, 2, 2), }") + bytes(8),
        f"is not an array of numbers or names\n{FORM}",
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

    monkeypatch.setattr(npz_archive.np, "empty", counted)  # type: ignore[attr-defined]  # a module's import
    shape = "(2000000000, 1, 1, 1), }"
    bomb = {"images": header(U1 + shape) + bytes(3_000_000), "labels": npy(LABELS)}
    path = packed(tmp_path, bomb, zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="2000000000 bytes: more than it can hold"):
        npz.read(path)
    monkeypatch.setattr(npz_archive, "LIMIT", 2_000_000)
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
    by_zipfile = "Overlapped entries"  # what zipfile itself says, in the latest versions of Python
    with pytest.raises(DataError, match=f"2000000000 bytes: more than it can hold|{by_zipfile}"):
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
        f"{path}: is damaged, or not a .npz file: Bad CRC-32 for file 'images.npy'\n{AGAIN}"
    )
    path.write_bytes(npy(IMAGES))
    with pytest.raises(DataError) as caught:
        npz.read(path)
    assert str(caught.value) == (
        f"{path}: is damaged, or not a .npz file: File is not a zip file\n{AGAIN}"
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


def test_what_is_said_of_damage_is_short(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=np.zeros((50, 1, 20, 20), np.uint8), labels=np.zeros(50, int))
    content = bytearray(path.read_bytes())
    content[26:28] = (15_000).to_bytes(2, "little")  # the length of the first name
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged, or not a \.npz file: File name in") as caught:
        npz.read(path)
    assert len(str(caught.value)) < 500
