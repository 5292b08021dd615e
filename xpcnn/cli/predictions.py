"""The probabilities of some images, and how they are shown."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy

from xpcnn.cli.data_parts import Part
from xpcnn.cli.target_predictions import TargetPredictions
from xpcnn.errors import ConfigError, hint
from xpcnn.model import Model
from xpcnn.model_facts import class_names
from xpcnn.text_table import one_line


@dataclass(frozen=True)
class Predictions:
    """The probabilities of the classes for n images, as lines, tables or CSV.

    kind: what the images are: "image", picture files, or "row", rows of a data set.
    names: (n) paths of the files, or numbers of the rows.
    classes: (c) names.
    probabilities: (n, c).
    true: (n) names of the true classes; None where they are not known.
    marks: (n) what was done to each picture file: framed, inverted, and whether it is blank.
    """

    kind: str
    names: Sequence[str | int]
    classes: Sequence[str]
    probabilities: numpy.ndarray
    true: Sequence[str] | None = None
    marks: Sequence[Mapping[str, bool]] | None = None

    def as_dicts(self, every_class: bool) -> list[dict[str, Any]]:
        """Return a table for each image; a blank picture has no class and no probability."""
        tables = []
        for i, p in enumerate(self.probabilities):
            best = int(p.argmax())
            marks = {} if self.marks is None else self.marks[i]
            blank = marks.get("blank", False)
            table: dict[str, Any] = {
                self.kind: self.names[i],
                "class": None if blank else self.classes[best],
                "probability": None if blank else float(p[best]),
                **marks,
            }
            if self.true is not None:
                table["true"] = self.true[i]
            if every_class:
                table["probabilities"] = (
                    None if blank else dict(zip(self.classes, map(float, p), strict=True))
                )
            tables.append(table)
        return tables

    def as_lines(self, every_class: bool) -> list[str]:
        """Return a line for each image: name, class, probability, and what else is known."""
        lines = []
        for table in self.as_dicts(every_class):
            if table["class"] is None:
                lines.append(f"{one_line(str(table[self.kind]))}  blank: nothing is drawn on it")
                continue
            cells = [str(table[self.kind]), table["class"], f"{table['probability']:.4f}"]
            done = [word for word in ("framed", "inverted") if table.get(word)]
            if done:
                cells.append(", ".join(done))
            if self.true is not None:
                cells.append(f"true {table['true']}")
            if every_class:
                cells += [f"{name}={p:.4f}" for name, p in table["probabilities"].items()]
            lines.append("  ".join(map(one_line, cells)))
        return lines

    def as_csv(self, every_class: bool) -> str:
        """Return a table with a row for each image; with `every_class`, a column for each class.

        Where a picture is blank, the cells of its class and its probabilities are empty.
        """
        text = StringIO()
        table = csv.writer(text, lineterminator="\n")
        for i, row in enumerate(self.as_dicts(every_class)):
            every = row.pop("probabilities", None) or dict.fromkeys(self.classes)
            cells = {name: _cell(value) for name, value in row.items()}
            if every_class:
                cells |= {f"probability of {name}": _cell(p) for name, p in every.items()}
            if i == 0:
                table.writerow(cells)
            table.writerow(cells.values())
        return text.getvalue()


def of_rows(
    model: Model, part: Part, rows: str, views: Sequence[str], labelled: bool = True
) -> Predictions | TargetPredictions:
    """Return what the model sees in rows of a data set: 7, or 0:10, 5:, :10 as in Python, or a
    list of these, 3,17,20:25.

    labelled: False if the data set has no labels, but placeholders.

    Raises:
        ConfigError: there are no such rows.
    """
    dataset = part.images
    chosen = numbers_of_rows(rows, part)
    few = dataset.subset(chosen)
    p = model.estimates(few.images, views=views)
    if model.task.name != "classification":
        true = model.checked(few).labels if labelled else None
        return TargetPredictions("row", chosen, class_names(model), model.task, p, true)
    known = [few.classes[label] for label in few.labels] if labelled else None
    return Predictions("row", chosen, class_names(model), p, known)


def numbers_of_rows(text: str, part: Part) -> list[int]:
    """Return the numbers of the rows of a part that a text such as 0:10 or 3,17 names.

    Raises:
        ConfigError: there are no such rows.
    """
    name, count = part.images.name, len(part.images)
    where = name if part.name == "all" else f"the {part.name} part of {name}"
    found: list[int] = []
    for piece in text.split(","):
        start, colon, stop = piece.partition(":")
        try:
            first = int(start) if start or not colon else 0
            last = (int(stop) if stop else count) if colon else first + 1
        except ValueError:
            raise ConfigError(hint(f"--rows is {text!r}", "--rows 0:10, or 3,17")) from None
        rows = range(max(first, 0), min(last, count))
        if not rows or first < 0:
            message = f"--rows {text}: {where} has the rows 0 to {count - 1}"
            raise ConfigError(hint(message, "--rows 0:10"))
        found += rows
    return found


def _cell(value: Any) -> Any:
    """Return a value as a cell of a table: true and false in lower case, six digits of a float."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else value
