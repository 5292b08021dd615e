"""The samples that a report on several labels or on numbers shows: the surest and the worst."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy

from xpcnn.data import Dataset
from xpcnn.inputs import as_input
from xpcnn.model import Model
from xpcnn.report.feature_maps import pictures_of
from xpcnn.tasks import MultiLabel
from xpcnn.tasks.regression import deviation

_SURE, _WORST = 3, 2  # samples shown by default
_NAMED = 6  # labels or numbers of a sample that are named

CHOICE = {
    "multi-label": "Samples with the highest probability of each of the first labels, then those "
    "with the largest error of a label.",
    "regression": "Samples with the lowest and the highest estimate of the first number, then "
    "those with the largest errors, in units of each number's standard deviation.",
}
"""Which samples `chosen` returns, for the page."""


class ShownSample(NamedTuple):
    """A sample, by its row, and the label or number, by its column, whose saliency is shown."""

    row: int
    column: int


def chosen(estimates: numpy.ndarray, errors: numpy.ndarray, labels: bool) -> list[ShownSample]:
    """Return the samples to look at by default, each once.

    For labels: the samples with the highest probability of each of the first labels. For numbers:
    those with the lowest and the highest estimate of the first number. Then, for both, the samples
    with the largest errors.

    estimates: probabilities of labels, or numbers, (n, k); errors: as of `errors_of`.
    """
    if labels:
        sure = [ShownSample(int(p.argmax()), k) for k, p in enumerate(estimates.T[:_SURE])]
    else:
        first = estimates[:, 0]
        sure = [ShownSample(int(row), 0) for row in (first.argmin(), first.argmax())]
    worst = numpy.argsort(-errors.max(axis=1), kind="stable")[:_WORST].tolist()
    found = {one.row: one for one in (*sure, *most_wrong(errors, worst))}
    return list(found.values())


def most_wrong(errors: numpy.ndarray, rows: Sequence[int]) -> list[ShownSample]:
    """Return samples, each with the label or number of its largest error."""
    return [ShownSample(row, int(errors[row].argmax())) for row in rows]


def errors_of(estimates: numpy.ndarray, targets: numpy.ndarray, labels: bool) -> numpy.ndarray:
    """Return |estimate - target|, (n, k); of numbers in units of their deviation."""
    errors: numpy.ndarray = numpy.abs(estimates - targets)
    return errors if labels else errors / deviation(targets)


def samples_of_targets(model: Model, data: Dataset, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Return what the page shows of some samples, by default chosen; see `pictures_of`."""
    estimates = model.estimates(as_input(data.images, model.input_shape))
    task, is_labels = model.task, isinstance(model.task, MultiLabel)
    errors = errors_of(estimates, data.labels, is_labels)
    followed = most_wrong(errors, rows) if rows else chosen(estimates, errors, is_labels)
    decided = task.decided(estimates)
    facts = []
    for row, column in followed:
        name, true, estimate = data.classes[column], data.labels[row], estimates[row]
        if is_labels:
            figure = f"probability of {name} {estimate[column]:.4f}"
        else:
            figure = f"{name} off by {abs(estimate[column] - true[column]):.6g}"
        facts.append(
            {
                "true": listed(data.classes, true, is_labels),
                "predicted": listed(data.classes, decided[row], is_labels),
                "is_right": bool((decided[row] == true).all()) if is_labels else None,
                "figure": figure,
                "followed": name,
            }
        )
    own_rows = [one.row for one in followed]
    columns = numpy.asarray([one.column for one in followed])
    if model.output_shape[0] == 1:  # whose score is that of class 1
        columns = numpy.ones_like(columns)
    return pictures_of(model, data, own_rows, columns, facts)


def listed(names: Sequence[str], values: numpy.ndarray, labels: bool, most: int = _NAMED) -> str:
    """Return the labels that are there, or the numbers, in words: the first `most` of them."""
    if labels:
        there = [name for name, value in zip(names, values, strict=True) if value]
    else:
        there = [f"{name} {value:.6g}" for name, value in zip(names, values, strict=True)]
    more = ", ..." if len(there) > most else ""
    return ", ".join(there[:most]) + more or "no label"
