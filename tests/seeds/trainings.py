"""The trainings: every script behind a figure of the README, and the presets that have none.

A script in `examples/` has a `FIGURE`; a preset without a script is trained as `xpcnn train` does
it by default: with no augmentation but the preset's own, a tenth of the training part kept aside.
"""

import ast
import hashlib
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import xpcnn
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
    try:
        accuracy, history = _trained(name, seed, data_dir)
    except XpcnnError as error:
        if "training diverged" not in str(error):
            raise
        return Outcome(None, True, float("inf"), 0, 0.0)
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


def recipe(name: str) -> str:
    """Return a hash of what decides a training: the preset and the code of its script.

    Comments and docstrings do not count.
    """
    parts = [str(sorted(xpcnn.models.preset(name).table.items()))]
    parts += [str(choice) for _, choice in [WITHOUT_SCRIPT.get(name, ("", {}))] if choice]
    if name in SCRIPTS:
        tree = ast.parse((EXAMPLES / SCRIPTS[name]).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.FunctionDef):
                node.body = [part for part in node.body if not _is_docstring(part)]
        parts.append(ast.unparse(tree))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def data_set(name: str) -> str:
    """Return the name of the data set that a training reads from a folder; "" for none."""
    if name in WITHOUT_SCRIPT:
        return WITHOUT_SCRIPT[name][0].replace("digits", "")
    return "" if name == "xor" else str(_script(name)["FIGURE"].dataset)


def _trained(name: str, seed: int, data_dir: Path) -> tuple[float, History]:
    """Return the accuracy on the test part, and the history."""
    if name in WITHOUT_SCRIPT:
        of, choice = WITHOUT_SCRIPT[name]
        train, test = xpcnn.data.load(of, data_dir, **choice)
        preset = xpcnn.models.preset(name).for_data(train.shape, len(train.classes))
        model = xpcnn.Model(preset.layers, input_shape=train.shape, seed=seed, loss=preset.loss)
        history = model.fit(train, validation=0.1, **vars(preset.training))
        return model.evaluate(test)["accuracy"], history
    script = _script(name)
    if name == "xor":
        model, history = script["train"](seed)
        return model.evaluate((script["POINTS"], script["LABELS"]))["accuracy"], history
    figure = script["FIGURE"]
    train, test = xpcnn.data.load(figure.dataset, data_dir, **figure.choice)
    model, history = figure.train(train, seed)
    return figure.accuracy(model, test), history


def _script(name: str) -> Mapping[str, Any]:
    """Return the names in a script of `examples/`, without running its last part."""
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))  # where the script finds `figure`
    return runpy.run_path(str(EXAMPLES / SCRIPTS[name]))
