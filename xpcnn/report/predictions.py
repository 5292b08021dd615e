"""The predictions of a model for its test part: classes, calibration, mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy
from markupsafe import Markup

from xpcnn.classification import ClassificationReport
from xpcnn.data import Dataset
from xpcnn.data.drawn import picture, value_range
from xpcnn.figures import svg
from xpcnn.markup import png_address
from xpcnn.report.reported_run import number

_CONFUSIONS = 8  # that are shown


def evaluation_tables(
    report: ClassificationReport, data: Dataset, probabilities: numpy.ndarray, what: str
) -> dict[str, Any]:
    """Return what the page shows of an evaluation.

    data: what `report` is about, its labels those of the model; probabilities: of its samples
    (n, classes); what: the data, in words.
    """
    figures = report.per_class
    confusion = svg(report.plot_confusion(), f"Confusion matrix of {len(figures)} classes")
    calibration = svg(report.plot_calibration(), "Accuracy by confidence")
    return {
        "what": what,
        "confusion": Markup(confusion),
        "calibration": Markup(calibration),
        "ece": number(report.calibration_error),
        "classes": [
            (c.name, *map(number, (c.precision, c.recall, c.f1)), f"{c.support:,}") for c in figures
        ],
        "missing": report.missing,
        "worst": _worst(report, data) if is_images(data) else [],
        "worst_rows": [(x.true, x.predicted, number(x.probability), x.row) for x in report.worst],
        "confused": _confused(report, data, probabilities) if is_images(data) else [],
        "pairs": [(x.true, x.predicted, x.count) for x in report.most_confused],
    }


def is_images(data: Dataset) -> bool:
    """Whether samples are pictures, and not rows of features (images of one pixel)."""
    return data.shape[1:] != (1, 1)


def address(data: Dataset, row: int) -> str:
    """Return the picture of a sample, as an address inside the page."""
    return png_address(picture(data.images[row], *value_range(data.images)))


def _worst(report: ClassificationReport, data: Dataset) -> list[dict[str, Any]]:
    return [
        vars(x) | {"picture": address(data, x.row), "probability": number(x.probability)}
        for x in report.worst
    ]


def _confused(
    report: ClassificationReport, data: Dataset, p: numpy.ndarray
) -> Sequence[dict[str, Any]]:
    """Return the most frequent confusions, each with the sample of the highest probability."""
    predicted, found = p.argmax(axis=1), []
    for pair in report.most_confused[:_CONFUSIONS]:
        i, j = (data.classes.index(name) for name in (pair.true, pair.predicted))
        rows = numpy.flatnonzero((data.labels == i) & (predicted == j))
        row = int(rows[p[rows, j].argmax()])
        facts = {"row": row, "picture": address(data, row), "probability": number(float(p[row, j]))}
        found.append(vars(pair) | facts)
    return found
