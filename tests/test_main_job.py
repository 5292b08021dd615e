"""What `xpcnn train` promises: accuracy and time on real digits, whole process."""

import statistics

from tests.main_job import SEEDS, train
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
