"""The probabilities of some images, and how they are shown."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy

from xpcnn.data import Dataset
from xpcnn.data.paths import unlabelled
from xpcnn.data.pictures import Invert, Picture, read_picture
from xpcnn.errors import CheckpointError, ConfigError, DataError, hint
from xpcnn.io.atomic import write_bytes
from xpcnn.model import Model


@dataclass(frozen=True)
class Predictions:
    """kind: what the images are called, "image" or "row"; names: (n) of them; classes: (c) names;
    probabilities: (n, c); true: (n) names of classes, where they are known; pictures: (n) of them,
    where the images came from picture files.
    """

    kind: str
    names: Sequence[str | int]
    classes: Sequence[str]
    probabilities: numpy.ndarray
    true: Sequence[str] | None = None
    pictures: Sequence[Picture] | None = None

    def as_dicts(self, every_class: bool) -> list[dict[str, Any]]:
        """Return a table for each image."""
        tables = []
        for i, p in enumerate(self.probabilities):
            best = int(p.argmax())
            picture = None if self.pictures is None else self.pictures[i]
            blank = picture is not None and picture.blank
            table: dict[str, Any] = {
                self.kind: self.names[i],
                "class": None if blank else self.classes[best],
                "probability": None if blank else float(p[best]),
            }
            if picture is not None:
                table |= {"framed": picture.framed, "inverted": picture.inverted, "blank": blank}
            if self.true is not None:
                table["true"] = self.true[i]
            if every_class:
                table["probabilities"] = dict(zip(self.classes, map(float, p), strict=True))
            tables.append(table)
        return tables

    def as_lines(self, every_class: bool) -> list[str]:
        """Return a line for each image: name, class, probability, and what else is known."""
        lines = []
        for table in self.as_dicts(every_class):
            if table.get("blank"):
                lines.append(f"{table[self.kind]}  blank: nothing is drawn on it")
                continue
            cells = [str(table[self.kind]), table["class"], f"{table['probability']:.4f}"]
            done = [word for word in ("framed", "inverted") if table.get(word)]
            if done:
                cells.append(", ".join(done))
            if self.true is not None:
                cells.append(f"true {table['true']}")
            if every_class:
                cells += [f"{name}={p:.4f}" for name, p in table["probabilities"].items()]
            lines.append("  ".join(cells))
        return lines


def of_pictures(
    model: Model, paths: Sequence[str], invert: Invert, frame: bool, views: Sequence[str]
) -> Predictions:
    """Return what the model sees in picture files, on average over views of them.

    Raises:
        DataError: a file is no picture, or the model takes no images.
        CheckpointError: the model does not know how its samples were read.
    """
    if len(model.input_shape) != 3:
        message = f"the model takes samples of shape {model.input_shape}, not images"
        raise DataError(hint(message, "a model of images, or model.predict(rows) in Python"))
    if model.reading is None:
        message = "the model file does not say how its samples were read (reading)"
        advice = "train with `xpcnn train`, or use model.predict(images) in Python"
        raise CheckpointError(hint(message, advice))
    pictures = [read_picture(path, model.reading, invert, frame) for path in paths]
    x = numpy.stack([picture.sample for picture in pictures])
    p = model.predict_proba(x, views=views)
    return Predictions("image", paths, _names(model), p, pictures=pictures)


def of_rows(model: Model, dataset: Dataset, rows: str, views: Sequence[str]) -> Predictions:
    """Return what the model sees in rows of a data set: 7, or 0:10, 5:, :10 as in Python.

    Raises:
        ConfigError: there are no such rows.
    """
    chosen = _rows(rows, len(dataset), dataset.name)
    part = dataset.subset(chosen)
    true = [part.classes[label] for label in part.labels]
    p = model.predict_proba(part.images, views=views)
    return Predictions("row", chosen, _names(model), p, true)


def submit(model: Model, dataset: str, path: str, force: bool, views: Sequence[str]) -> int:
    """Write the class of every image of a CSV file to another one, and return how many there are.

    The file has the columns ImageId, counted from 1, and Label. It is there whole or not at all.

    Raises:
        ConfigError: the file is there already, and not `force`.
        DataError: the images cannot be read, or are not like those of the model.
        CheckpointError: the file cannot be written.
    """
    target = Path(path)
    if target.exists() and not force:
        message = f"{path} is there already"
        raise ConfigError(hint(message, "another name, or --force to write over it"))
    if len(model.input_shape) != 3:
        message = f"the model takes samples of shape {model.input_shape}, not images"
        raise DataError(hint(message, "a model of images, or model.predict(rows) in Python"))
    _, images = unlabelled(Path(dataset).expanduser(), model.input_shape[1:])
    names = _names(model)
    predicted = model.predict_proba(images, views=views).argmax(axis=1)
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["ImageId", "Label"])
    table.writerows((i, names[k]) for i, k in enumerate(predicted.tolist(), start=1))
    write_bytes(target, text.getvalue().encode())
    return len(images)


def _names(model: Model) -> Sequence[str]:
    if model.classes is not None:
        return model.classes
    return [str(i) for i in range(max(2, model.output_shape[0]))]  # one output stands for two


def _rows(text: str, count: int, name: str) -> list[int]:
    """Return the numbers of the rows that a text means."""
    start, colon, stop = text.partition(":")
    try:
        first = int(start) if start else 0
        last = (int(stop) if stop else count) if colon else first + 1
    except ValueError:
        raise ConfigError(hint(f"--rows is {text!r}", "--rows 0:10, or a number")) from None
    found = list(range(max(first, 0), min(last, count)))
    if not found or first < 0:
        message = f"--rows {text}: the test part of {name} has the rows 0 to {count - 1}"
        raise ConfigError(hint(message, "--rows 0:10"))
    return found
