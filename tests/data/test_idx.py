"""IDX files: plain and packed, and every way in which one can be wrong."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.make_files import idx_bytes, write_mnist
from xpcnn.data import files, idx, load, load_whole
from xpcnn.errors import ConfigError, DataError, LabelError, ShapeError

AGAIN = "Try: " + files.AGAIN
IMAGES = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)
LABELS = np.array([4, 0, 9], np.uint8)


def pair(folder: Path, images: bytes, labels: bytes) -> tuple[Path, Path]:
    (folder / "images").write_bytes(images)
    (folder / "labels").write_bytes(labels)
    return folder / "images", folder / "labels"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_pair_of_files_is_read_whole(tmp_path: Path, pack: type[bytes]) -> None:
    paths = pair(tmp_path, pack(idx_bytes(IMAGES)), pack(idx_bytes(LABELS)))
    images, labels = idx.read_pair(*paths, 10)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(images, IMAGES[:, None])
    assert labels.tolist() == [4, 0, 9]


GOOD = idx_bytes(IMAGES)
HUGE = b"\0\0\x08\x03" + b"\xff" * 12
BAD_IMAGES = {
    "empty": (b"", "{p}: is empty"),
    "empty, packed": (gzip.compress(b""), "{p}: is empty"),
    "a type that there is not": (
        b"\0\0\x0a\x03" + GOOD[4:],
        "{p}: is not an IDX file: it begins with 00000a03, expected 0000, a type from 08 to 0e "
        "and a "
        "rank",
    ),
    "a web page": (
        b"<!DOCTYPE html>",
        "{p}: is not an IDX file: it begins with 3c21444f, expected 0000, a type from 08 to 0e "
        "and a "
        "rank",
    ),
    "another type": (
        b"\0\0\x0d\x03" + GOOD[4:],
        "{p}: its header says (3, 2, 4), 96 bytes: more than it can hold",
    ),
    "header cut": (GOOD[:11], "{p}: ends inside its header"),
    "no images": (
        GOOD[:4] + bytes(4) + GOOD[8:],
        "{p}: holds no images: its header says (0, 2, 4)",
    ),
    "one byte short": (GOOD[:-1], "{p}: its header says (3, 2, 4), 24 bytes, but only 23 follow"),
    "one byte short, packed": (
        gzip.compress(GOOD[:-1]),
        "{p}: its header says (3, 2, 4), 24 bytes, but only 23 follow",
    ),
    "one byte long": (
        GOOD + b"\0",
        "{p}: continues after the 24 bytes of (3, 2, 4) that its header says",
    ),
    "expands far too long": (
        gzip.compress(GOOD + bytes(10**7)),
        "{p}: continues after the 24 bytes of (3, 2, 4) that its header says",
    ),
    "sizes that overflow": (
        HUGE,
        "{p}: its header says (4294967295, 4294967295, 4294967295), "
        f"{(2**32 - 1) ** 3} bytes: more than it can hold",
    ),
    "sizes that no compression reaches": (
        gzip.compress(b"\0\0\x08\x03" + b"\0\1\0\0" * 2 + b"\0\0\0\1"),
        "{p}: its header says (65536, 65536, 1), 4294967296 bytes: more than it can hold",
    ),
    "gzip cut": (gzip.compress(GOOD)[:-12], "{p}: the compressed data ends too early"),
    "gzip cut in its checksum": (
        gzip.compress(GOOD)[:-3],
        "{p}: the compressed data ends too early",
    ),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, kind: str) -> None:
    content, text = BAD_IMAGES[kind]
    path, labels = pair(tmp_path, content, idx_bytes(LABELS))
    with pytest.raises(DataError) as caught:
        idx.read_pair(path, labels, 10)
    assert str(caught.value) == text.format(p=path) + "\n" + AGAIN


def test_damaged_gzip_data_is_named(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(GOOD))
    packed[-8] ^= 1  # the checksum
    path, labels = pair(tmp_path, bytes(packed), idx_bytes(LABELS))
    with pytest.raises(DataError) as caught:
        idx.read_pair(path, labels, 10)
    assert str(caught.value).startswith(f"{path}: the compressed data is damaged: CRC check failed")
    assert str(caught.value).endswith("\n" + AGAIN)


def test_no_more_than_one_byte_is_read_beyond_what_the_header_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0

    class Counted(gzip.GzipFile):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal taken
            content = super().read(size)
            taken += len(content)
            return content

    monkeypatch.setattr(gzip, "GzipFile", Counted)
    paths = pair(tmp_path, gzip.compress(GOOD + bytes(10**7)), idx_bytes(LABELS))
    with pytest.raises(DataError, match="continues after"):
        idx.read_pair(*paths, 10)
    assert taken == len(GOOD) + 1


def test_swapped_files_are_recognised(tmp_path: Path) -> None:
    images, labels = pair(tmp_path, idx_bytes(IMAGES), idx_bytes(LABELS))
    with pytest.raises(DataError) as caught:
        idx.read_pair(labels, images, 10)
    assert str(caught.value) == (
        f"{labels}: holds an array of rank 1, expected 3 for images\n"
        "Try: swap the image and label files"
    )
    images.write_bytes(idx_bytes(IMAGES[:, 0]))
    with pytest.raises(DataError) as caught:
        idx.read_pair(images, labels, 10)
    assert str(caught.value) == (
        f"{images}: holds an array of rank 2, expected 3 for images\nTry: a file of images alone"
    )


TYPES = ["u1", "i1", "i2", "i4", "f4", "f8"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_number_is_read(tmp_path: Path, kind: str, pack: type[bytes]) -> None:
    images, labels = idx_bytes(IMAGES.astype(f">{kind}")), idx_bytes(LABELS.astype(f">{kind}"))
    x, y = idx.read_pair(*pair(tmp_path, pack(images), pack(labels)), 10)
    assert x.dtype == (np.float32 if kind[0] == "f" else np.uint8)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(x, IMAGES[:, None])
    assert y.tolist() == [4, 0, 9]


def test_values_outside_of_8_bits_become_float32(tmp_path: Path) -> None:
    wide = IMAGES.astype(int)
    for values, kind in ((wide - 1, ">i2"), (wide * 20, ">i4"), (wide / 8, ">f8")):
        array = values.astype(kind)
        x, _ = idx.read_pair(*pair(tmp_path, idx_bytes(array), idx_bytes(LABELS)), 10)
        assert (x.dtype.name, x.dtype.isnative) == ("float32", True)
        np.testing.assert_array_equal(x, array[:, None])
    path, labels = pair(tmp_path, idx_bytes((wide * 10**6).astype(">i4")), idx_bytes(LABELS))
    with pytest.raises(DataError) as caught:
        idx.read_pair(path, labels, 10)
    assert str(caught.value) == (
        f"{path}: holds whole numbers up to 23000000, which float32 would round\n"
        "Try: smaller values, such as a 256th of these"
    )


def test_labels_that_are_no_whole_numbers(tmp_path: Path) -> None:
    for value in (0.5, np.nan, 1e30):
        labels = np.array([4, 0, value])
        paths = pair(tmp_path, idx_bytes(IMAGES), idx_bytes(labels.astype(">f8")))
        with pytest.raises(LabelError) as caught:
            idx.read_pair(*paths, 10)
        assert str(caught.value) == (
            f"{paths[1]}: holds labels that are not whole numbers, type float64\n"
            "Try: the file of the labels, a class index per image"
        )


def test_counts_that_differ_are_refused(tmp_path: Path) -> None:
    images, labels = pair(tmp_path, idx_bytes(IMAGES), idx_bytes(LABELS[:2]))
    with pytest.raises(LabelError) as caught:
        idx.read_pair(images, labels, 10)
    assert str(caught.value) == (
        f"{images} holds 3 images but {labels} holds 2 labels\n"
        "Try: take both files from the same set and part"
    )


def test_labels_out_of_range_name_the_file(tmp_path: Path) -> None:
    images, labels = pair(tmp_path, idx_bytes(IMAGES), idx_bytes(LABELS))
    with pytest.raises(LabelError) as caught:
        idx.read_pair(images, labels, 9)
    assert str(caught.value) == (
        f"{labels}: 1 of 3 labels lie outside 0..8, the first: labels[2] = 9\n"
        "Try: name every class that occurs, or leave out the images of the others"
    )


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        idx.read_pair(tmp_path, tmp_path, 10)
    assert str(caught.value) == (
        f"{tmp_path}: cannot be read: Is a directory\nTry: check the path and who may read it"
    )


@pytest.mark.parametrize("spelling", ["-idx{}-ubyte.gz", "-idx{}-ubyte", ".idx{}-ubyte"])
def test_the_usual_file_names_are_found(tmp_path: Path, spelling: str) -> None:
    write_mnist(tmp_path, train=12, test=4)
    for path in list(tmp_path.iterdir()):
        stem, rank = path.name.split("-idx")[0], path.name.split("-idx")[1][0]
        target = tmp_path / (stem + spelling.format(rank))
        content = path.read_bytes()
        path.unlink()
        target.write_bytes(content if spelling.endswith(".gz") else gzip.decompress(content))
    (images, labels), (test_images, test_labels) = idx.read([tmp_path / "none", tmp_path], 10)
    assert images.shape == (12, 1, 5, 4)
    assert labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert (len(test_images), len(test_labels)) == (4, 4)


def test_a_missing_file_lists_the_names_looked_for(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    folders = [tmp_path / "mnist", tmp_path]
    with pytest.raises(DataError) as caught:
        idx.read(folders, 10)
    assert str(caught.value) == (
        "no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz or t10k-labels.idx1-ubyte or "
        f"t10k-labels.idx1-ubyte.gz in {folders[0]} and {folders[1]}\n"
        "Try: give the folder that holds the file with --data-dir"
    )


def write_part(
    folder: Path, stem: str, n: int, pack: Callable[[bytes], bytes] = bytes
) -> np.ndarray:
    """Write images and labels 0, 1, 2, 0, ... under names like MNIST's; return the images."""
    images = np.random.default_rng(len(stem)).integers(0, 256, (n, 5, 4)).astype(np.uint8)
    ending = "" if pack is bytes else ".gz"
    (folder / f"{stem}images-idx3-ubyte{ending}").write_bytes(pack(idx_bytes(images)))
    (folder / f"{stem}labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(n) % 3))
    return images[:, None]


@pytest.mark.parametrize("test", ["t10k", "test"])
def test_a_folder_of_own_files_is_a_data_set(tmp_path: Path, test: str) -> None:
    ours = write_part(tmp_path, "my-train-", 9, gzip.compress)
    theirs = write_part(tmp_path, f"my-{test}-", 6)
    train, tested = load(tmp_path)
    np.testing.assert_array_equal(train.images, ours)
    np.testing.assert_array_equal(tested.images, theirs)
    assert tested.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert train.classes == ("0", "1", "2")


def test_one_file_of_images_finds_its_labels(tmp_path: Path) -> None:
    images = write_part(tmp_path, "letters-train-", 9)
    write_part(tmp_path, "letters-test-", 6)
    found = load_whole(tmp_path / "letters-train-images-idx3-ubyte")
    np.testing.assert_array_equal(found.images, images)


def test_folders_that_are_no_data_set(tmp_path: Path) -> None:
    for stem in ("digits-train-", "letters-train-"):
        write_part(tmp_path, stem, 9)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: letters-train-images-idx3-ubyte and a file before it are both the train part"
        "\nTry: a folder with the files of one data set"
    )
    (tmp_path / "digits-train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    file = tmp_path / "digits-train-images-idx3-ubyte"
    labels = "digits-train-labels-idx1-ubyte"
    assert str(caught.value) == (
        f"{file}: there is no file {labels} or {labels}.gz beside it\n"
        "Try: put the file of the labels there"
    )


def test_options_of_other_files_are_refused(tmp_path: Path) -> None:
    write_part(tmp_path, "", 9)
    with pytest.raises(ShapeError, match=r"holds images of \(5, 4\), not of \(9, 9\)"):
        load(tmp_path, image_size=(9, 9))
    with pytest.raises(ConfigError, match="IDX files, which have one label each"):
        load(tmp_path, task="regression")
    with pytest.raises(ConfigError, match="image_fit is given, but"):
        load(tmp_path, image_fit="crop")
