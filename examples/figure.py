"""What the scripts of the README's figures share: their data, the seeds and the line at the end.

A script gives `train(data, seed)`; how it trains is its own affair.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import xpcnn
from xpcnn.data import Dataset
from xpcnn.training import Callback, Epoch, History

Train: TypeAlias = Callable[[Dataset, int], tuple[xpcnn.Model, History]]


def evaluate(model: xpcnn.Model, test: Dataset) -> float:
    """Return the part of the test images that the model names rightly."""
    return model.evaluate(test)["accuracy"]


def show(
    train: Train,
    dataset: str,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    accuracy: Callable[[xpcnn.Model, Dataset], float] = evaluate,
    **choice: Any,
) -> None:
    """Train once per seed, test once after each, print the mean; seconds are those of training.

    dataset, choice: name and further arguments of `xpcnn.data.load`. The folder is `--data-dir`, or
    what `load` takes without one.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", help="folder with the files; downloaded without it")
    data, test = xpcnn.data.load(dataset, parser.parse_args().data_dir, **choice)

    accuracies, seconds = [], []
    for seed in seeds:
        model, history = train(data, seed)
        accuracies.append(accuracy(model, test))
        seconds.append(sum(history["seconds"]))
        print(f"seed {seed}: test accuracy {accuracies[-1]:.4f}, {seconds[-1]:.1f} s", flush=True)
    print(
        f"test accuracy {statistics.mean(accuracies):.4f} after {len(history)} epochs, "
        f"{statistics.mean(seconds):.1f} s" + f" (mean of {len(seeds)} seeds)" * (len(seeds) > 1)
    )


class Lines(Callback):
    """Prints a line after every epoch, for runs of minutes."""

    def on_epoch_end(self, record: Epoch) -> None:
        print(record, flush=True)
