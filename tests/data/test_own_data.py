"""What `load` takes for a path, and the test part that it sets aside where there is none."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpcnn.data import Dataset, is_path, load, own_data, split
from xpcnn.data.reading import Pictures
from xpcnn.errors import ConfigError, DataError, ShapeError


def npz(path: Path, n: int = 600, repeat: int = 1, seed: int = 0) -> Path:
    """Write n images of 2x2 pixels, each `repeat` times, with labels of their own."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 1, 2, 2), dtype=np.uint8).repeat(repeat, axis=0)
    np.savez(path, images=images, labels=np.arange(len(images)) % 3)
    return path


def keys(dataset: Dataset) -> set[bytes]:
    return {image.tobytes() for image in dataset.images}


def test_names_go_before_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits").mkdir()
    Path("pets").mkdir()
    taken: list[str | Path] = [
        "pets",
        "no.csv",
        "no.NPZ",
        "./digits",
        f"no{os.sep}such",
        Path("digits"),
    ]
    assert [is_path(name) for name in taken] == [True] * 6
    assert [is_path(name) for name in ("digits", "mnist", "dog", "mnist.zip")] == [False] * 4
    assert load("digits")[0].name == "digits"


def test_a_path_never_has_the_name_of_a_public_set(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    text = "label,a,b,c,d\n" + "".join(f"{i % 2},{i},1,2,3\n" for i in range(40))
    (tmp_path / "mnist" / "train.csv").write_text(text)
    assert load(tmp_path / "mnist")[0].name == "mnist-folder"


def test_the_home_folder_may_be_written_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    npz(tmp_path / "own.npz")
    assert load("~/own.npz")[0].name == "own.npz"


def test_a_fifth_is_set_aside_and_says_so(tmp_path: Path) -> None:
    train, test = load(npz(tmp_path / "own.npz"))
    assert test.name == "own.npz (a fifth, by hash)"
    assert len(train) + len(test) == 600
    assert np.bincount(test.labels).tolist() == [40, 40, 40]
    np.testing.assert_allclose(train.mean, train.images.mean(dtype=np.float64), rtol=1e-12)
    assert (test.mean, test.std) == (train.mean, train.std)


def test_an_image_is_placed_by_a_hash_of_its_pixels(tmp_path: Path) -> None:
    path = npz(tmp_path / "own.npz", 45)
    with np.load(path) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    key = hashlib.blake2b(b"0/test", digest_size=16).digest()
    digests = [hashlib.blake2b(x.tobytes(), key=key, digest_size=16).digest() for x in images]
    places = [int.from_bytes(digest[:8], "little") for digest in digests]
    chosen = np.zeros(45, bool)
    for label in range(3):  # of 15 images each
        own = np.flatnonzero(labels == label)
        chosen[sorted(own, key=places.__getitem__)[:3]] = True
    train, test = load(path)
    np.testing.assert_array_equal(test.images, images[chosen])
    np.testing.assert_array_equal(train.images, images[~chosen])


def test_train_validation_and_test_share_no_image_whatever_its_labels(tmp_path: Path) -> None:
    train, test = load(npz(tmp_path / "own.npz", 300, repeat=2))
    assert len(keys(test)) * 2 == len(test)
    assert not keys(train) & keys(test)
    kept, validation = split(train, 0.1, seed=0)
    assert validation is not None
    assert 25 < len(validation) < 75  # of about 480: the two splits go by different hashes
    assert not keys(kept) & keys(test)
    assert not keys(validation) & keys(test)


def test_growing_moves_few_images_and_reordering_none(tmp_path: Path) -> None:
    small, large = load(npz(tmp_path / "a.npz", 200))[1], load(npz(tmp_path / "b.npz", 400))[1]
    assert len(keys(small) - keys(large)) <= 0.05 * 200
    with np.load(tmp_path / "a.npz") as arrays:
        images, labels = arrays["images"][::-1], arrays["labels"][::-1]
    np.savez(tmp_path / "c.npz", images=images, labels=labels)
    assert keys(load(tmp_path / "c.npz")[1]) == keys(small)


def test_the_test_part_stays_when_the_training_part_is_limited(tmp_path: Path) -> None:
    path = npz(tmp_path / "own.npz")
    train, test = load(path, limit=10)
    assert len(train) == 10
    assert keys(test) == keys(load(path)[1])


def test_too_few_images_for_a_test_part(tmp_path: Path) -> None:
    path = npz(tmp_path / "own.npz", 1)
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}: no test part can be set aside of 1 image: too few, or too many of them are "
        "equal\n"
        "Try: more images, or a test part of their own"
    )


def test_what_is_not_there_or_no_data(tmp_path: Path) -> None:
    for name in ("no/such/folder/", "no.csv", "no.npz"):
        path = tmp_path / name
        with pytest.raises(DataError) as caught:
            load(str(path))
        expected = f"{path}: there is no such file or folder\nTry: check the path"
        assert str(caught.value) == expected
    (tmp_path / "data.xyz").write_bytes(b"PK")
    with pytest.raises(DataError) as caught:
        load(tmp_path / "data.xyz")
    assert str(caught.value) == (
        f"{tmp_path / 'data.xyz'}: is not a known kind of data file\n"
        "Try: a .csv, .npz, .tar or .parquet file, or a folder with a folder for each class"
    )


def test_a_table_with_tabs_is_read_as_a_csv_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (60, 4))
    lines = ["label\tpixel0\tpixel1\tpixel2\tpixel3"]
    lines += ["\t".join(map(str, (i % 3, *row))) for i, row in enumerate(rows)]
    (tmp_path / "own.tsv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    train, test = load("own.tsv")
    assert len(train) + len(test) == 60
    assert {tuple(x.ravel().tolist()) for part in (train, test) for x in part.images} == {
        tuple(row) for row in rows.tolist()
    }


@pytest.mark.parametrize("size", [(28,), (0, 3), (1, 2, 3)])
def test_a_size_that_is_none(tmp_path: Path, size: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, image_size=size)  # type: ignore[arg-type]  # the test
    assert str(caught.value) == f"image_size is {size}, expected (h, w)\nTry: (28, 28)"


def test_a_size_where_images_have_theirs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load("digits", image_size=(8, 8))
    assert str(caught.value) == (
        "image_size is given, but the images of 'digits' have their size\n"
        "Try: leave --image-size (image_size) out"
    )
    path = npz(tmp_path / "own.npz")
    size: Any
    for size in ((2, 2), (np.int64(2), np.int64(2))):
        assert load(path, image_size=size)[0].shape == (1, 2, 2)
    with pytest.raises(ShapeError) as refused:
        load(path, image_size=(2, 3))
    assert str(refused.value) == (
        f"{path}: holds images of (2, 2), not of (2, 3)\n"
        "Try: images of (2, 3), or leave --image-size (image_size) out"
    )
    with pytest.raises(ShapeError) as refused:  # evaluate: the size is the model's
        load(path, image_size=(2, 3), reading=Pictures("L", (2, 3)))
    assert str(refused.value).partition("\n")[2] == (
        "Try: images of (2, 3), as the model was trained on; a picture file has any size"
    )


def test_images_without_labels(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("pixel0,pixel1\n1,2\n3,4\n")
    for path in (tmp_path, tmp_path / "test.csv"):
        images, _, _, ids, _ = own_data.unlabelled(path, (1, 2))
        assert (ids, images.tolist()) == (None, [[[[1, 2]]], [[[3, 4]]]])
    with pytest.raises(DataError) as caught:
        own_data.unlabelled(tmp_path / "test.npz", (1, 2))
    assert str(caught.value) == (
        f"{tmp_path / 'test.npz'}: is not a CSV file of images\n"
        "Try: test.csv, or the folder that holds it"
    )
