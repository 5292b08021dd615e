"""Report on several labels or on numbers: what a model gets right and wrong, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from xpcnn.errors import LabelError, figure_name, hint
from xpcnn.inputs import Data, as_input, as_pair
from xpcnn.model import Model
from xpcnn.target_metrics import (
    average_precision,
    best_threshold,
    mean_absolute_error,
    per_label,
    r2,
    root_mean_squared_error,
)
from xpcnn.tasks import MultiLabel
from xpcnn.text_table import Table
from xpcnn.types import Array

_COLUMNS = {
    "multi-label": (
        *("precision", "recall", "f1", "average_precision"),
        *("threshold", "best_threshold", "support"),
    ),
    "regression": ("mae", "rmse", "r2", "mean"),
}


@dataclass(frozen=True)
class TargetReport:
    """The figures of `xpcnn.target_metrics` for a model and a data set; print it for a table.

    task: "multi-label" or "regression".
    figures: figures over all labels or numbers, by name; see `xpcnn.tasks`. For labels also
        "accuracy", the share of samples with all labels right.
    per_column: figures of each label or number, by its name. For labels: precision, recall, f1,
        average_precision, threshold (of the model), best_threshold (that of the highest F1 on these
        data) and support, the number of samples with the label; None if there are none. For
        numbers: mae, rmse, r2 and mean, the mean of the targets.
    """

    task: str
    figures: dict[str, float]
    per_column: dict[str, dict[str, float | None]]

    def __str__(self) -> str:
        return f"{self._line()}\n\n{self.table()}"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the figures and the table of `print(report)`."""
        return f"<p>{self._line()}</p>\n{self.table().html()}"

    def _line(self) -> str:
        shown = (f"{figure_name(name)} {x:.4f}" for name, x in self.figures.items())
        return ", ".join(shown)

    def table(self) -> Table:
        """Return the figures of each label or number."""
        names = _COLUMNS[self.task]
        rows = [
            (column, *(_shown(name, own[name]) for name in names))
            for column, own in self.per_column.items()
        ]
        first = "label" if self.task == "multi-label" else "number"
        header = (first, *map(figure_name, names))
        return Table("", header, rows, "<" + ">" * len(names))


def target_report(
    model: Model,
    data: Data | Array,
    labels: Any = None,
    *,
    views: Sequence[str] = ("identity",),
    batch_size: int = 256,
) -> TargetReport:
    """Return the figures of a model of several labels, or of numbers, on `data`.

    model: a model of the task "multi-label" or "regression".
    data, labels: a data set, or samples and their targets, as in `Model.evaluate`.
    views: transformed views of each sample to average over, as in `predict_proba`.
    batch_size: number of samples computed at once.

    Raises:
        XpcnnError: the data do not match the model, or a view is unknown.
        LabelError: the task of the model is "classification".
    """
    if model.task.name == "classification":
        message = "target_report is of several labels or of numbers, and the model has classes"
        raise LabelError(hint(message, "xpcnn.classification_report(model, data)"))
    data = model.checked(as_pair(data, labels))
    samples = as_input(data.images, model.input_shape)
    found = model.estimates(samples, batch_size=batch_size, views=views)
    figures = model.task.measure(found, data.labels)
    if isinstance(model.task, MultiLabel):
        right = (model.task.decided(found) == data.labels).all(axis=1)
        figures = {"accuracy": float(right.mean()), **figures}
        own = per_label(found, data.labels, model.task.limits(found))
        thresholds = numpy.broadcast_to(model.task.limits(found), found.shape[1:])
        columns = {
            name: _of_label(own, thresholds, k, found[:, k], data.labels[:, k])
            for k, name in enumerate(data.classes)
        }
    else:
        columns = {
            name: _of_numbers(found[:, k].astype(numpy.float64), data.labels[:, k])
            for k, name in enumerate(data.classes)
        }
    return TargetReport(model.task.name, figures, columns)


def _of_label(
    own: dict[str, Array], thresholds: numpy.ndarray, k: int, p: numpy.ndarray, there: numpy.ndarray
) -> dict[str, float | None]:
    support = int(own["support"][k])
    known = support > 0
    return {
        **{name: float(own[name][k]) if known else None for name in ("precision", "recall", "f1")},
        "average_precision": average_precision(p, there) if known else None,
        "threshold": float(thresholds[k]),
        "best_threshold": best_threshold(p, there) if known else None,
        "support": support,
    }


def _of_numbers(values: numpy.ndarray, targets: numpy.ndarray) -> dict[str, float | None]:
    return {
        "mae": mean_absolute_error(values, targets),
        "rmse": root_mean_squared_error(values, targets),
        "r2": r2(values, targets),
        "mean": float(targets.mean()),
    }


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if name == "support" else f"{value:.4f}"
