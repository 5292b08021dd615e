"""The trainings: every script behind a figure of the README, and the presets that have none.

A script in `examples/` has a `FIGURE`; a preset without a script is trained as `xpcnn train` does
it by default: with no augmentation but the preset's own, a tenth of the training part kept aside.
"""

import runpy
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import xpcnn
from xpcnn.data import Dataset
from xpcnn.errors import XpcnnError
from xpcnn.training import History

EXAMPLES = Path(__file__).parents[2] / "examples"

SCRIPTS = {
    "two-conv": "mnist_two_conv.py",
    "sigmoid-binary": "mnist_zeros_and_ones.py",
    "xor": "xor.py",
    "kaggle": "mnist_kaggle.py",
    "tiny": "mnist_tiny.py",
    "small": "mnist_small.py",
    "mnist-best": "mnist_best.py",
    "medium": "cifar10_medium.py",
    "large-bn": "cifar10_large_bn.py",
}

WITHOUT_SCRIPT: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "digits": ("digits", {}),
    "lenet5": ("mnist", {}),
    "photo": ("cifar10", {"classes": ["cat", "dog", "ship"], "limit_per_class": 400}),
    "large": ("cifar10", {}),
    "resnet20": ("cifar10", {}),
}
"""Presets, with the data set each is trained on and what is chosen of it."""

LONG = ("small", "photo", "mnist-best", "medium", "large-bn", "large", "resnet20")
"""Trainings of minutes, for which 5 seeds have to do; the others have 20."""

ORDER = (
    *("two-conv", "sigmoid-binary", "xor", "digits", "kaggle", "tiny", "lenet5", "small"),
    *("photo", "medium", "mnist-best", "large-bn", "large", "resnet20"),
)
"""All trainings, the cheap ones first."""


class Outcome(NamedTuple):
    """What became of one training.

    accuracy: on the test part; None where training diverged, and the model is the untrained one.
    collapsed: whether it diverged, or ended about where it began: see `lost`.
    jump: the largest loss of an epoch in parts of the smallest before it, about 1 where none rose.
    """

    accuracy: float | None
    collapsed: bool
    jump: float
    epochs: int
    seconds: float


def outcome(name: str, seed: int, data_dir: Path) -> Outcome:
    """Train once, test once."""
    figure = figure_of(name)
    train, test = data_of(name, data_dir)
    try:
        model, history = figure.train(train, seed)
    except XpcnnError as error:
        if "training diverged" not in str(error):
            raise
        return Outcome(None, True, float("inf"), 0, 0.0)
    accuracy = figure.accuracy(model, test)
    losses, seconds = history["loss"], sum(history["seconds"])
    return Outcome(accuracy, lost(losses), jump(losses), len(losses), seconds)


def lost(losses: list[float]) -> bool:
    """Whether the loss of the last epoch is about that of the first, or higher."""
    return losses[-1] > 0.9 * losses[0]


def jump(losses: list[float]) -> float:
    """Return the largest loss in parts of the smallest before it."""
    return max((after / min(losses[:i]) for i, after in enumerate(losses) if i > 0), default=1.0)


def seeds_for(name: str) -> int:
    """Return how many seeds a training needs before anything is said of it."""
    return 5 if name in LONG else 20


class Figure(NamedTuple):
    """What a training is: `train(data, seed)`, and how its model is tested.

    dataset, choice: as of `figure.Figure` in `examples/`; the name is "" where the script has the
    data.
    """

    train: Callable[[Dataset, int], tuple[xpcnn.Model, History]]
    dataset: str
    choice: Mapping[str, Any]
    accuracy: Callable[[xpcnn.Model, Dataset], float]


def figure_of(name: str) -> Figure:
    """Return the training of that name."""
    if name in WITHOUT_SCRIPT:
        return Figure(partial(_train_preset, name), *WITHOUT_SCRIPT[name], _evaluate)
    script = _script(name)
    if name == "xor":
        return Figure(lambda _, seed: script["train"](seed), "", {}, _evaluate)
    found = script["FIGURE"]
    return Figure(found.train, found.dataset, found.choice, found.accuracy)


def data_of(name: str, data_dir: Path) -> tuple[Dataset, Dataset]:
    """Return the training part and the test part that a training is of."""
    if name == "xor":
        script = _script(name)
        points = Dataset.from_arrays(script["POINTS"].reshape(4, 2, 1, 1), script["LABELS"])
        return points, points
    figure = figure_of(name)
    return xpcnn.data.load(figure.dataset, data_dir, **figure.choice)


def _train_preset(name: str, data: Dataset, seed: int) -> tuple[xpcnn.Model, History]:
    """Train a preset as `xpcnn train` does it by default."""
    preset = xpcnn.models.preset(name).for_data(data.shape, len(data.classes))
    model = xpcnn.Model(preset.layers, input_shape=data.shape, seed=seed, loss=preset.loss)
    return model, model.fit(data, preset.training, validation=0.1)


def _evaluate(model: xpcnn.Model, test: Dataset) -> float:
    return model.evaluate(test)["accuracy"]


def _script(name: str) -> Mapping[str, Any]:
    """Return the names in a script of `examples/`, without running its last part."""
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))  # where the script finds `figure`
    return runpy.run_path(str(EXAMPLES / SCRIPTS[name]))
