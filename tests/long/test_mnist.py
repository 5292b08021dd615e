"""Trainings on MNIST: one epoch of `xpcnn train`, and what cheap scripts of `examples` reach."""

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import xpcnn
from tests.main_job import train
from tests.real_data import real_data
from tests.seeds.trainings import jump
from xpcnn.optimizers import SGD

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_mnist_in_one_epoch() -> None:
    folder = real_data("mnist")
    flags = ("--dataset", "mnist", "--data-dir", str(folder), "--model", "small", "--epochs", "1")
    result, _ = train(*flags)
    assert result["test"]["accuracy"] >= 0.97
    assert result["parameters"] > 100_000


@pytest.mark.parametrize(
    ("script", "least", "choice"),
    [
        ("mnist_two_conv.py", 0.94, {"limit": 1000}),
        ("mnist_zeros_and_ones.py", 0.997, {"classes": [0, 1], "limit_per_class": 100}),
    ],
)
def test_the_figures_of_scripts(
    script: str, least: float, choice: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    data, test = xpcnn.data.load("mnist", real_data("mnist"), **choice)
    model, _ = runpy.run_path(str(EXAMPLES / script))["train"](data, 0)
    assert model.evaluate(test)["accuracy"] >= least


def test_a_recipe_is_away_from_the_edge_of_stability() -> None:
    """At twice the rate of `two-conv` no loss rises by half; without clip_norm it is six-fold."""
    data, _ = xpcnn.data.load("mnist", real_data("mnist"), limit=1000)
    preset = xpcnn.models.preset("two-conv")
    usual = preset.training.optimizer
    assert isinstance(usual, SGD)
    twice = replace(preset.training, optimizer=replace(usual, lr=2 * usual.lr), epochs=8)
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=0)
    losses = model.fit(data, twice)["loss"]
    assert jump(losses) < 1.5
