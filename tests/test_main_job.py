"""What `xpcnn train` promises: accuracy and time on real digits, whole process."""

import statistics

import pytest

from tests.main_job import SEEDS, train
from tests.real_data import real_data
from xpcnn import backend


def test_digits_within_seconds() -> None:
    list(backend.load("numpy").warm_up())  # else the first test of all would also time a compiler
    runs = [train("--seed", str(seed)) for seed in SEEDS]
    accuracies = [result["test"]["accuracy"] for result, _ in runs]
    assert statistics.mean(accuracies) >= 0.985
    assert max(seconds for _, seconds in runs) <= 8.0


def test_the_same_seed_gives_the_same_run() -> None:
    flags = ("--epochs", "2", "--seed", "5")
    (first, _), (second, _) = train(*flags), train(*flags)
    figures = ("loss", "accuracy", "val_loss", "val_accuracy")
    assert [[e[f] for f in figures] for e in first["epochs"]] == [
        [e[f] for f in figures] for e in second["epochs"]
    ]
    assert first["test"] == second["test"]


@pytest.mark.timeout(120)
def test_mnist_in_one_epoch() -> None:
    folder = real_data("mnist")
    flags = ("--dataset", "mnist", "--data-dir", str(folder), "--model", "small", "--epochs", "1")
    result, _ = train(*flags)
    assert result["test"]["accuracy"] >= 0.97
    assert result["parameters"] > 100_000
