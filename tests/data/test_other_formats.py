"""Formats that are not read: the advice, followed word by word, makes a file that is read."""

import pathlib
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from xpcnn.data import load_whole
from xpcnn.errors import DataError

COLOURS = np.random.default_rng(0).integers(0, 256, (30, 3, 32, 32), dtype=np.uint8)
DIGITS = np.arange(30) % 10


def write_mat(path: Path) -> dict[str, Any]:
    """Write images (h, w, c, n) and labels (n, 1) from 1 to 10, as SVHN has them."""
    io = pytest.importorskip("scipy.io")
    labels = np.where(DIGITS == 0, 10, DIGITS)[:, None]
    io.savemat(path, {"X": COLOURS.transpose(2, 3, 1, 0), "y": labels})
    return {"scipy": SimpleNamespace(io=io)}


def write_npy(path: Path) -> dict[str, Any]:
    np.save(path.with_name("images.npy"), COLOURS)
    np.save(path.with_name("labels.npy"), DIGITS)
    return {}


def write_pickle(path: Path) -> dict[str, Any]:
    """Write rows of red, green and blue, as CIFAR's files have them."""
    path.write_bytes(pickle.dumps({"data": COLOURS.reshape(30, -1), "labels": DIGITS.tolist()}))
    return {"pickle": pickle, "pathlib": pathlib}


def write_tensors(path: Path) -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    torch.save((torch.from_numpy(COLOURS), torch.from_numpy(DIGITS)), path)
    return {"torch": torch}


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("images.npy", write_npy),
        ("train_32x32.mat", write_mat),
        ("data_batch_1", write_pickle),
        ("own.pt", write_tensors),
    ],
)
def test_the_statements_of_the_advice_make_a_file_that_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    write: Callable[[Path], dict[str, Any]],
) -> None:
    monkeypatch.chdir(tmp_path)
    libraries = write(tmp_path / name)
    with pytest.raises(DataError) as caught:
        load_whole(name)
    message, advice = str(caught.value).split("\nTry: ")
    assert message == f"{name}: is not a known kind of data file"
    assert advice.startswith("in Python")
    exec(advice.split(": ", 1)[1], {"numpy": np, **libraries})
    found = load_whole("data.npz")
    np.testing.assert_array_equal(found.images, COLOURS)
    np.testing.assert_array_equal(found.labels, DIGITS)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.ZIP", "unpack it, and give the folder or file that was in it"),
        ("a.csv.gz", "unpack it, and give the folder or file that was in it"),
        ("a.txt", "a name that ends in .csv, if it has a row for each image"),
        ("a.json", "a .csv file with the columns file and label, a row for each picture"),
    ],
)
def test_advice_in_words(tmp_path: Path, name: str, advice: str) -> None:
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(DataError, match=r"is not a known kind of data file\nTry: ") as caught:
        load_whole(tmp_path / name)
    assert str(caught.value).endswith(f"\nTry: {advice}")
