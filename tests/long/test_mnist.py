"""One epoch of `xpcnn train` on MNIST, a process as a user starts it."""

import pytest

from tests.main_job import train
from tests.real_data import real_data


@pytest.mark.timeout(120)
def test_mnist_in_one_epoch() -> None:
    folder = real_data("mnist")
    flags = ("--dataset", "mnist", "--data-dir", str(folder), "--model", "small", "--epochs", "1")
    result, _ = train(*flags)
    assert result["test"]["accuracy"] >= 0.97
    assert result["parameters"] > 100_000
