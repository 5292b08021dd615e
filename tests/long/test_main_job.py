"""What `xpcnn train` promises: accuracy and time on real digits, whole process."""

import statistics
from typing import Any

import pytest

from tests.main_job import train
from xpcnn import backend

SEEDS = (0, 1, 0)


@pytest.fixture(scope="module")
def runs() -> list[tuple[dict[str, Any], float]]:
    """Return the results and the seconds of trainings, by their seeds."""
    list(backend.load("numpy").warm_up())  # else the first test of all would also time a compiler
    return [train("--seed", str(seed)) for seed in SEEDS]


def test_digits_within_seconds(runs: list[tuple[dict[str, Any], float]]) -> None:
    accuracies = [result["test"]["accuracy"] for result, _ in runs]
    assert statistics.mean(accuracies) >= 0.985
    assert max(seconds for _, seconds in runs) <= 8.0


def test_the_same_seed_gives_the_same_run(runs: list[tuple[dict[str, Any], float]]) -> None:
    (first, _), (other, _), (again, _) = runs
    figures = ("loss", "accuracy", "val_loss", "val_accuracy")

    def curves(result: dict[str, Any]) -> list[list[float]]:
        return [[epoch[figure] for figure in figures] for epoch in result["epochs"]]

    assert curves(first) == curves(again) != curves(other)
    assert first["test"] == again["test"]
