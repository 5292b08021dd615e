"""What a model of several labels or of numbers sees in some images, and how it is shown."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy

from xpcnn.tasks import MultiLabel, Task
from xpcnn.text_table import one_line


@dataclass(frozen=True)
class TargetPredictions:
    """The estimates of k labels or numbers for n images, as lines, tables or CSV.

    kind, names, marks: as in `Predictions`.
    columns: (k) names of the labels or numbers.
    task: of the model.
    estimates: (n, k) probabilities of labels, or numbers in the units of the targets.
    true: (n, k) targets; None where they are not known.
    """

    kind: str
    names: Sequence[str | int]
    columns: Sequence[str]
    task: Task
    estimates: numpy.ndarray
    true: numpy.ndarray | None = None
    marks: Sequence[Mapping[str, bool]] | None = None

    def as_dicts(self, every_class: bool) -> list[dict[str, Any]]:
        """Return a table for each image: `labels`, a list of names, or `numbers`, a table.

        With `every_class`, the probability of every label too. A blank picture has neither.
        """
        tables = []
        for i, estimate in enumerate(self.estimates):
            marks = {} if self.marks is None else self.marks[i]
            blank = marks.get("blank", False)
            table: dict[str, Any] = {self.kind: self.names[i]}
            table[self.word] = None if blank else self._named(self.decided[i])
            table |= marks
            if self.true is not None:
                table["true"] = self._named(self.true[i])
            if every_class and self.word == "labels":
                table["probabilities"] = None if blank else self._by_name(estimate)
            tables.append(table)
        return tables

    def as_lines(self, every_class: bool) -> list[str]:
        """Return a line for each image: name, labels or numbers, and what else is known."""
        lines = []
        for table in self.as_dicts(every_class):
            if table[self.word] is None:
                lines.append(f"{one_line(str(table[self.kind]))}  blank: nothing is drawn on it")
                continue
            cells = [str(table[self.kind]), self._text(table[self.word])]
            done = [word for word in ("framed", "inverted") if table.get(word)]
            cells += [", ".join(done)] if done else []
            if self.true is not None:
                cells.append(f"true {self._text(table['true'])}")
            if "probabilities" in table:
                cells += [f"{name}={p:.4f}" for name, p in table["probabilities"].items()]
            lines.append("  ".join(map(one_line, cells)))
        return lines

    def as_csv(self, every_class: bool) -> str:
        """Return a table with a row for each image: a column for each label, 1 or 0, or number.

        With `every_class`, a column for the probability of each label. The cells of a blank picture
        are empty.
        """
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        probabilities = every_class and self.word == "labels"
        marks = list(self.marks[0]) if self.marks else []
        header = [self.kind, *self.columns]
        header += [f"probability of {name}" for name in self.columns if probabilities]
        header += [f"true {name}" for name in self.columns if self.true is not None]
        writer.writerow([*header, *marks])
        for i, estimate in enumerate(self.estimates):
            own = {} if self.marks is None else self.marks[i]
            cells = [*self.decided[i], *(estimate if probabilities else [])]
            shown = [f"{x:.6g}" for x in cells]
            if own.get("blank", False):
                shown = [""] * len(cells)
            true = [] if self.true is None else [f"{x:.6g}" for x in self.true[i]]
            done = [str(own[mark]).lower() for mark in marks]
            writer.writerow([self.names[i], *shown, *true, *done])
        return text.getvalue()

    @property
    def word(self) -> str:
        """What is predicted: "labels" or "numbers"."""
        return "labels" if isinstance(self.task, MultiLabel) else "numbers"

    @property
    def decided(self) -> numpy.ndarray:
        """The labels 0 and 1, or the numbers, (n, k)."""
        found: numpy.ndarray = self.task.decided(self.estimates)
        return found

    def _named(self, values: numpy.ndarray) -> Any:
        if self.word == "labels":
            return [name for name, there in zip(self.columns, values, strict=True) if there]
        return self._by_name(values)

    def _by_name(self, values: numpy.ndarray) -> dict[str, float]:
        return dict(zip(self.columns, map(float, values), strict=True))

    def _text(self, found: Any) -> str:
        if self.word == "labels":
            return ", ".join(found) or "none"
        return ", ".join(f"{name} {value:.6g}" for name, value in found.items())
