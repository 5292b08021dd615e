"""Classification report: what a model gets right and wrong, class by class, in numbers and words.

All of it follows from the probabilities of one pass over the data. Rejects what `Model.evaluate`
rejects.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy

from xpcnn import metrics
from xpcnn.errors import LabelError, hint
from xpcnn.inputs import Data, as_input, as_pair
from xpcnn.model import Model
from xpcnn.text_table import Table
from xpcnn.types import Array
from xpcnn.validation_metrics import auc

if TYPE_CHECKING:
    from xpcnn.figures import Canvas

_WIDEST = 20  # classes of a confusion matrix that can be read as text


@dataclass(frozen=True)
class ClassFigures:
    """Figures of one class; all but `support` are None for a class without samples.

    name: name of the class.
    precision: share of the samples predicted as this class that are of this class; 0 if there are
        none.
    recall: share of the samples of this class that are predicted as this class.
    f1: harmonic mean of precision and recall.
    support: number of samples of this class.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Confusion:
    """`count` samples of class `true` were predicted as class `predicted`."""

    true: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Example:
    """A sample with its class and the prediction.

    row: index of the sample in the data.
    true, predicted: names of its class and of the predicted class.
    probability: predicted probability of its true class.
    """

    row: int
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class CalibrationBin:
    """The samples whose highest probability lies in one of 15 bins of equal width, from 0 to 1.

    confidence: the mean of that probability; accuracy: the share of them predicted rightly; both
    None where there is no sample.
    """

    confidence: float | None
    accuracy: float | None
    samples: int


@dataclass(frozen=True)
class ClassificationReport:
    """The figures of `xpcnn.metrics` for a model and a data set; print it for a readable report.

    `plot_confusion()` and `plot_calibration()` draw the confusion matrix and a reliability diagram.

    top_3, top_5: None unless there are more classes than that.
    auc: area under the ROC curve, for two classes that of the second, for more the mean over those
        with samples, each against the rest; None if all samples are of one class.
    per_class: in the order of the model's classes, as the rows and columns of `confusion`.
    missing: names of the classes without a sample.
    confusion: counts; row = class, column = predicted class.
    calibration: the bins of which `calibration_error` is the mean gap between accuracy and
        confidence, weighted by samples.
    most_confused, worst: up to ten, the most frequent and the least probable first.
    """

    accuracy: float
    top_3: float | None
    top_5: float | None
    log_loss: float
    calibration_error: float
    auc: float | None
    per_class: tuple[ClassFigures, ...]
    missing: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    most_confused: tuple[Confusion, ...]
    worst: tuple[Example, ...]
    calibration: tuple[CalibrationBin, ...]

    def __str__(self) -> str:
        parts = (
            f"{part.caption}\n{part}".lstrip() if isinstance(part, Table) else part
            for part in self._parts()
        )
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the figures and tables of `print(report)`."""
        parts = self._parts()
        return "\n".join(x.html() if isinstance(x, Table) else f"<p>{escape(x)}</p>" for x in parts)

    def plot_confusion(self) -> "Canvas":
        """Return a figure of matplotlib: the confusion matrix, hits in blue and errors in red.

        Raises:
            PackageMissingError: matplotlib is not installed.
        """
        from xpcnn.figures import confusion_matrix

        return confusion_matrix(self.confusion, [c.name for c in self.per_class])

    def plot_calibration(self) -> "Canvas":
        """Return a figure of matplotlib: accuracy by confidence, a reliability diagram.

        Raises:
            PackageMissingError: matplotlib is not installed.
        """
        from xpcnn.figures import reliability_diagram

        return reliability_diagram([vars(b) for b in self.calibration])

    def _parts(self) -> Iterator[str | Table]:
        figures = {
            "accuracy": self.accuracy,
            "top-3": self.top_3,
            "top-5": self.top_5,
            "log loss": self.log_loss,
            "calibration error": self.calibration_error,
            "AUC": self.auc,
        }
        yield ", ".join(
            f"{name} {value:.4f}" for name, value in figures.items() if value is not None
        )
        names = [c.name for c in self.per_class]
        rows: list[tuple[str, ...]] = [
            (c.name, _figure(c.precision), _figure(c.recall), _figure(c.f1), f"{c.support:,}")
            for c in self.per_class
        ]
        yield Table("", ("class", "precision", "recall", "F1", "samples"), rows, "<>>>>")
        if self.missing:
            yield f"no sample of: {', '.join(self.missing)}"
        if len(names) > _WIDEST:
            yield f"confusion matrix: too wide to print with {len(names)} classes"
        else:
            rows = [
                (name, *(str(count or ".") for count in counts))
                for name, counts in zip(names, self.confusion, strict=True)
            ]
            caption = "confusion matrix: row = true class, column = predicted class"
            yield Table(caption, ("", *names), rows, "<" + ">" * len(names))
        if self.most_confused:
            rows = [(pair.true, pair.predicted, str(pair.count)) for pair in self.most_confused]
            yield Table("most confused", ("true", "predicted", "count"), rows, "<<>")
        rows = [(str(x.row), x.true, x.predicted, _figure(x.probability)) for x in self.worst]
        header = ("row", "true", "predicted", "probability")
        yield Table("lowest probability of the true class", header, rows, "><<>")


def classification_report(
    model: Model,
    data: Data | Array,
    labels: Any = None,
    *,
    views: Sequence[str] = ("identity",),
    batch_size: int = 256,
) -> ClassificationReport:
    """Return accuracy, confusion, calibration and figures per class of a model on `data`.

    The predicted class is that of the highest probability, or the first of equal ones.

    model: a model of the task "classification".
    data, labels: a data set, or samples and their labels, as in `Model.evaluate`.
    views: transformed views of each sample to average over, as in `predict_proba`.
    batch_size: number of samples computed at once.

    Raises:
        XpcnnError: the data do not match the model, or a view is unknown.
    """
    if model.task.name != "classification":
        message = f"classification_report is of classes, and the model's task is {model.task.name}"
        raise LabelError(hint(message, "xpcnn.target_report(model, data)"))
    data = model.checked(as_pair(data, labels))
    names, labels = data.classes, data.labels
    samples = as_input(data.images, model.input_shape)
    p = model.predict_proba(samples, batch_size=batch_size, views=views)  # (n, c)
    predicted = p.argmax(axis=1)
    confusion = metrics.confusion_matrix(predicted, labels, len(names))
    worst = metrics.worst(p, labels)
    return ClassificationReport(
        accuracy=metrics.accuracy(p, labels),
        top_3=metrics.top_k(p, labels, 3) if len(names) > 3 else None,
        top_5=metrics.top_k(p, labels, 5) if len(names) > 5 else None,
        log_loss=metrics.log_loss(p, labels),
        calibration_error=metrics.calibration_error(p, labels),
        auc=None if math.isnan(area := auc(p, labels)) else area,
        per_class=_per_class(names, confusion),
        missing=tuple(name for name, n in zip(names, confusion.sum(axis=1), strict=True) if not n),
        confusion=tuple(map(tuple, confusion.tolist())),
        most_confused=tuple(
            Confusion(names[i], names[j], count) for i, j, count in metrics.most_confused(confusion)
        ),
        worst=tuple(
            Example(i, names[labels[i]], names[predicted[i]], float(p[i, labels[i]]))
            for i in worst.tolist()
        ),
        calibration=tuple(CalibrationBin(*b) for b in metrics.reliability(p, labels)),
    )


def _per_class(names: Sequence[str], confusion: numpy.ndarray) -> tuple[ClassFigures, ...]:
    columns = [column.tolist() for column in metrics.per_class(confusion).values()]
    return tuple(
        ClassFigures(name, precision, recall, f1, n)
        if n
        else ClassFigures(name, None, None, None, 0)
        for name, precision, recall, f1, n in zip(names, *columns, strict=True)
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
