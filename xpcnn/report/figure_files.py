"""The figures of a report as files, for a README, a paper or slides."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy

from xpcnn.classification import classification_report
from xpcnn.data import Dataset
from xpcnn.data.drawn import picture, value_range
from xpcnn.figures import Canvas, training_curves
from xpcnn.figures.canvas import Form, content_of
from xpcnn.figures.samples import Sample, overview, sample_sheet
from xpcnn.inputs import as_input
from xpcnn.io.atomic import write_bytes
from xpcnn.report.predictions import is_images
from xpcnn.report.reported_run import Run

_CLASSES = 10  # that the overview shows a sample of


def write_figures(
    folder: Path,
    runs: Sequence[Run],
    data: Dataset | None,
    rows: Sequence[int],
    form: Form,
) -> list[Path]:
    """Write every figure to a file of its name in a folder, which is created if it is missing.

    Raises:
        CheckpointError: a file cannot be written.
        XpcnnError: the data do not fit the model.
    """
    written = []
    for name, figure in figures_of(runs, data, rows).items():
        path = folder / f"{name}.{form}"
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content_of(figure, form))
        written.append(path)
    return written


def figures_of(
    runs: Sequence[Run], data: Dataset | None, rows: Sequence[int] = ()
) -> Mapping[str, Canvas]:
    """Return figures by name.

    "curves": of all runs. Of the first run: "overview", its loss and accuracy, and a sample of each
    class with one that is predicted wrongly; "confusion", "calibration"; "worst", the samples of
    the lowest probability. Of tasks without classes, "curves" and "overview" without samples.

    Args:
        runs: at least one.
        data: samples with labels; None leaves out the figures that need them.
        rows: indices of the samples in the overview; by default the first of each class and the
            first mistake.
    """
    first = runs[0]
    figures = {"curves": training_curves({run.name: run for run in runs})}
    if data is None or data.task != "classification":
        return {"overview": overview(first, []), **figures}
    data = first.model.checked(data)
    report = classification_report(first.model, data)
    figures |= {"confusion": report.plot_confusion(), "calibration": report.plot_calibration()}
    if not is_images(data):
        return {"overview": overview(first, []), **figures}
    predicted = first.model.predict(as_input(data.images, first.model.input_shape))
    chosen = rows or _one_of_each(predicted, data.labels)
    low, high = value_range(data.images)

    def sample(row: int) -> Sample:
        classes = data.classes[data.labels[row]], data.classes[predicted[row]]
        return Sample(picture(data.images[row], low, high), *classes)

    shown = overview(first, [sample(row) for row in chosen])
    worst = sample_sheet([sample(example.row) for example in report.worst])
    return {"overview": shown, **figures, "worst": worst}


def _one_of_each(predicted: numpy.ndarray, labels: numpy.ndarray) -> list[int]:
    """Return the row of the first sample of each class, and of the first that is predicted wrongly.

    Of more than ten classes, the first ten.
    """
    classes = numpy.unique(labels[labels >= 0])[:_CLASSES]
    rows = [int(numpy.argmax(labels == label)) for label in classes]
    return [*rows, *numpy.flatnonzero(predicted != labels)[:1].tolist()]
