"""Shared by the scripts behind the README's figures: data, seeds, and the lines they print.

A script defines `train(data, seed)`.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, TypeAlias

import xpcnn
from xpcnn.data import Dataset
from xpcnn.training import Callback, Epoch, History

Train: TypeAlias = Callable[[Dataset, int], tuple[xpcnn.Model, History]]


def evaluate(model: xpcnn.Model, test: Dataset) -> float:
    """Return the share of the test images that the model classifies correctly."""
    return model.evaluate(test)["accuracy"]


@dataclass(frozen=True)
class Figure:
    """A figure of the README: a training, its data and its number of seeds.

    train: a function (data, seed) -> (model, history).

    dataset, choice: name and further arguments of `xpcnn.data.load`.
    seeds: number of seeds 0, 1, ... to train with; `--seeds` overrides it.
    accuracy: a function from a trained model and the test part to its accuracy.
    """

    train: Train
    dataset: str
    _: KW_ONLY
    seeds: int = 3
    choice: Mapping[str, Any] = field(default_factory=dict)
    accuracy: Callable[[xpcnn.Model, Dataset], float] = evaluate

    def show(self) -> None:
        """Train and test once per seed; print mean and worst accuracy.

        The seconds are those of training. The folder of the data is `--data-dir`, or the default of
        `xpcnn.data.load`.
        """
        parser = argparse.ArgumentParser(
            description=sys.modules["__main__"].__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument(
            "--data-dir", metavar="FOLDER", help="folder with the files; downloaded without it"
        )
        parser.add_argument("--seeds", type=int, default=self.seeds, help="how many (%(default)s)")
        given = parser.parse_args()
        if given.seeds < 1:
            parser.error("--seeds must be at least 1")
        data, test = xpcnn.data.load(self.dataset, given.data_dir, **self.choice)

        accuracies, seconds = [], []
        for seed in range(given.seeds):
            model, history = self.train(data, seed)
            accuracies.append(self.accuracy(model, test))
            seconds.append(sum(history["seconds"]))
            print(
                f"seed {seed}: test accuracy {accuracies[-1]:.4f}, {seconds[-1]:.1f} s", flush=True
            )
        several = f" (mean of {given.seeds} seeds, worst {min(accuracies):.4f})"
        print(
            f"test accuracy {statistics.mean(accuracies):.4f} after {len(history)} epochs, "
            f"{statistics.mean(seconds):.1f} s" + several * (given.seeds > 1)
        )


class Lines(Callback):
    """Prints a line after every epoch, for runs of minutes."""

    def on_epoch_end(self, record: Epoch) -> None:
        print(record, flush=True)
