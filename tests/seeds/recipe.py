"""The recipe of a training: a hash of what decides it, so that results are known to be of it."""

import ast
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any
from unittest import mock

import numpy

from tests.seeds.trainings import figure_of
from xpcnn.data import Dataset, digits
from xpcnn.data.catalog import ENTRIES
from xpcnn.network import Network
from xpcnn.samples import Samples
from xpcnn.training import TrainingOptions


class _AskedError(Exception):
    """Carries what training was asked for, in its place."""


def recipe(name: str) -> str:
    """Return a hash of the network, the loss, the data, the options and the way to test.

    The script of the training runs up to the training itself, on a few made-up images in place of
    the data set. What the network and the options are counts, not how the script says so. A field
    that is off (None, False, 0 or empty) does not count: a new one, off by default, changes no
    recipe.
    """
    figure = figure_of(name)
    decides = {
        "dataset": figure.dataset,
        "choice": described(figure.choice),
        "accuracy": code(figure.accuracy),
        **_asked(lambda: figure.train(stand_in(figure.dataset, figure.choice), 0)),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]


def _asked(train: Callable[[], Any]) -> dict[str, Any]:
    """Return what `train` asks training for, which is not done."""

    def stop(
        network: Network,
        train: Samples,
        validation: Samples | None,
        options: TrainingOptions,
        *_: Any,
    ) -> None:
        raise _AskedError(
            {
                "layers": described(network.layers),
                "loss": described(network.loss),
                "dtype": network.dtype,
                "normalised by": [f"{x:.6g}" for x in (*train.mean.tolist(), *train.std.tolist())],
                "train": _digest(train),
                "validation": None if validation is None else _digest(validation),
                "options": {
                    name: value
                    for name, value in described(options).items()
                    if name != "batch_norm"  # one process does the same with each
                },
            }
        )

    with mock.patch("xpcnn.model.Run", stop):
        try:
            train()
        except _AskedError as asked:
            found: dict[str, Any] = asked.args[0]
            return found
    raise AssertionError("the script trains no model")


def stand_in(dataset: str, choice: Mapping[str, Any]) -> Dataset:
    """Return a few images of a data set's shape and classes, of which `choice` is made."""
    entry = ENTRIES.get(dataset)
    shape = (1, 8, 8) if entry is None else (1, 28, 28) if entry.layout is None else (3, 32, 32)
    classes = digits.CLASSES if entry is None else entry.classes
    images = numpy.arange(80 * numpy.prod(shape)) * 37 % 251
    labels = numpy.arange(80) % len(classes)
    made = Dataset.from_arrays(images.astype("u1").reshape(80, *shape), labels, classes, dataset)
    return made.select(**choice)


def described(value: Any) -> Any:
    """Return a value as JSON has it; a dataclass as its type and the fields that are not off."""
    if is_dataclass(value) and not isinstance(value, type):
        on = {field.name: getattr(value, field.name) for field in fields(value)}
        return {"type": type(value).__name__} | {k: described(v) for k, v in on.items() if v}
    if isinstance(value, Mapping):
        return {str(key): described(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    return value


def code(function: Callable[..., Any]) -> str:
    """Return the code of a function without comments and docstrings."""
    tree = ast.parse(inspect.getsource(function))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = [part for part in node.body if not _is_docstring(part)]
    return ast.unparse(tree)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _digest(samples: Samples) -> str:
    """Return a hash of samples and labels in their order."""
    parts = [numpy.asarray(samples.raw), numpy.asarray(samples.labels)]
    kind = [f"{x.dtype.name} {x.shape}" for x in parts]
    content = "\n".join(kind).encode() + b"".join(x.tobytes() for x in parts)
    return hashlib.sha256(content).hexdigest()[:12]
