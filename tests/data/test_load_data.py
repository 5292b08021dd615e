"""`load`: names, folders, choices; and the real MNIST where it is at hand."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.data.make_files import write_mnist
from tests.real_data import ROOT, real_data
from xpcnn.data import NAMES, catalog, download, is_path, load
from xpcnn.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XPCNN_DATA_DIR", raising=False)


def test_every_name_is_known_with_its_classes() -> None:
    assert {"digits", *catalog.ENTRIES} == set(NAMES)
    counts = {name: len(set(entry.classes)) for name, entry in catalog.ENTRIES.items()}
    assert counts == {
        "mnist": 10,
        "fashion-mnist": 10,
        "kmnist": 10,
        "cifar10": 10,
        "cifar100": 100,
    }
    for entry in catalog.ENTRIES.values():
        assert len(entry.mirrors) >= 2
        assert all(url.endswith("/") for url in entry.mirrors)
        assert all(len(bytes.fromhex(file.sha256)) == 32 for file in entry.files)


@pytest.mark.parametrize("below", ["", "fashion-mnist", "FashionMNIST/raw"])
def test_a_folder_or_the_one_below_it_is_read(tmp_path: Path, below: str) -> None:
    write_mnist(tmp_path / below)
    train, test = load("fashion-mnist", tmp_path)
    assert (train.name, train.shape, len(train), len(test)) == ("fashion-mnist", (1, 5, 4), 12, 4)
    assert train.classes[9] == "Ankle boot"
    assert (test.mean, test.std) == (train.mean, train.std)
    np.testing.assert_allclose(train.mean, train.images.mean(dtype=np.float64), rtol=1e-13)


def test_the_folder_of_torchvision_itself_may_be_given(tmp_path: Path) -> None:
    write_mnist(tmp_path / "MNIST" / "raw")
    assert len(load("mnist", tmp_path / "MNIST")[0]) == 12
    with pytest.raises(DataError, match=r"^no train-images"):  # not the files of another set
        load("fashion-mnist", tmp_path / "MNIST")


@pytest.mark.parametrize("name", ["MNIST", "Mnist", "fashion_mnist", "FashionMNIST", "CIFAR-10"])
def test_names_are_found_whatever_their_case(tmp_path: Path, name: str) -> None:
    assert not is_path(name)
    if "10" not in name:
        write_mnist(tmp_path)
        assert load(name, tmp_path)[0].name in ("mnist", "fashion-mnist")


def test_another_spelling_that_a_folder_has_too_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("MNIST").mkdir()
    with pytest.raises(ConfigError) as caught:
        load("MNIST")
    assert str(caught.value) == (
        "'MNIST' may be the data set mnist or the path MNIST\nTry: mnist, or ./MNIST"
    )


def test_classes_are_found_whatever_their_case(tmp_path: Path) -> None:
    write_mnist(tmp_path, train=40, test=30)
    train, _ = load("fashion-mnist", tmp_path, classes=["ANKLE BOOT", "bag"])
    assert train.classes == ("Ankle boot", "Bag")


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path / "env", train=12)
    write_mnist(tmp_path / "argument", train=20)
    monkeypatch.setenv("XPCNN_DATA_DIR", str(tmp_path / "env"))
    assert len(load("mnist")[0]) == 12
    assert len(load("mnist", tmp_path / "argument")[0]) == 20


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load("mnist", tmp_path / "none")
    assert (
        str(caught.value) == f"{tmp_path / 'none'}: there is no such folder\nTry: check --data-dir"
    )


def test_a_folder_without_the_files_lists_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load("mnist", tmp_path)
    assert str(caught.value) == (
        "no train-images-idx3-ubyte or train-images-idx3-ubyte.gz or train-images.idx3-ubyte or "
        f"train-images.idx3-ubyte.gz in {tmp_path / 'mnist'} and {tmp_path} and "
        f"{tmp_path / 'MNIST' / 'raw'}\n"
        "Try: give the folder that holds the file with --data-dir"
    )
    with pytest.raises(DataError, match=r"^no train\.bin or cifar-100-binary\.tar\.gz in "):
        load("cifar100", tmp_path)


def test_without_download_only_the_cache_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "cache_folder", lambda name: tmp_path / name)
    with pytest.raises(DataError, match=r"^no data_batch_1\.bin or cifar-10-binary\.tar\.gz in "):
        load("cifar10", download=False)
    write_mnist(tmp_path / "mnist")
    assert len(load("mnist", download=False)[0]) == 12


def test_classes_apply_to_both_parts_and_limits_to_the_training_part(tmp_path: Path) -> None:
    write_mnist(tmp_path, train=40, test=30)
    train, test = load("mnist", tmp_path, classes=iter(["7", "3"]), limit_per_class=2)
    assert train.classes == test.classes == ("7", "3")
    assert train.labels.tolist() == [1, 0, 1, 0]
    assert test.labels.tolist() == [1, 0, 1, 0, 1, 0]
    everything = load("mnist", tmp_path)[0]
    np.testing.assert_array_equal(train.images, everything.images[[3, 7, 13, 17]])
    assert (train.mean, train.std) == (everything.mean, everything.std)
    first, test = load("mnist", tmp_path, limit=5)
    assert first.labels.tolist() == [0, 1, 2, 3, 4]
    assert len(test) == 30


def test_loading_digits_imports_nothing_that_reads_other_files() -> None:
    code = (
        "import sys, xpcnn.data; xpcnn.data.load('digits'); "
        "print([m for m in ('pooch', 'requests', 'tarfile') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_real_mnist() -> None:
    train, test = load("mnist", real_data("mnist"))
    assert (len(train), len(test), train.shape) == (60_000, 10_000, (1, 28, 28))
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(train.labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    ]
    np.testing.assert_allclose(train.mean[0] / 255, 0.1306604762738429, rtol=1e-12)
    np.testing.assert_allclose(train.std[0] / 255, 0.3081078038564622, rtol=1e-12)


def test_zeros_and_ones_of_real_mnist() -> None:
    train, test = load("mnist", real_data("mnist"), classes=[0, 1], limit_per_class=100)
    assert np.bincount(train.labels).tolist() == [100, 100]
    assert len(test) == 2115
