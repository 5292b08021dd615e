"""Figures show the numbers they are given, and are imported only when they are asked for."""

import itertools
import subprocess
import sys
from importlib import import_module
from typing import Any
from xml.etree import ElementTree

import numpy
import pytest

import xpcnn
from tests.small_model import Parts, fresh
from xpcnn.classification import ClassificationReport
from xpcnn.errors import ConfigError, DataError, DataWarning, PackageMissingError
from xpcnn.training import History
from xpcnn.training.history import Epoch

pytest.importorskip("matplotlib")
canvas = import_module("xpcnn.figures.canvas")  # which needs matplotlib

HISTORY = History(
    [
        Epoch(1, 2.0, 0.25, 1.5, 0.5, 0.1, 1.0, 100.0, 10),
        Epoch(2, 1.0, 0.75, None, None, 0.05, 1.0, 100.0, 20),
        Epoch(3, 0.5, 0.875, 0.75, 0.625, 0.0, 1.0, 100.0, 30),
    ]
)


@pytest.fixture(scope="module")
def report(parts: Parts) -> ClassificationReport:
    train, test = parts
    model = fresh()
    model.fit(train, epochs=1, progress=False)
    return xpcnn.classification_report(model, test)


def lines(axes: Any) -> list[list[list[float]]]:
    return [line.get_xydata().tolist() for line in axes.lines]


def heights(axes: Any) -> list[float]:
    return [bar.get_height() for bar in axes.patches]


def test_a_history_draws_its_figures() -> None:
    loss, accuracy, rate = HISTORY.plot().axes
    assert lines(loss) == [[[1, 2.0], [2, 1.0], [3, 0.5]], [[1, 1.5], [3, 0.75]]]
    assert lines(accuracy) == [[[1, 0.25], [2, 0.75], [3, 0.875]], [[1, 0.5], [3, 0.625]]]
    assert lines(rate) == [[[1, 0.1], [2, 0.05], [3, 0.0]]]
    assert [axes.get_ylabel() for axes in (loss, accuracy, rate)] == [
        *("loss", "accuracy", "learning rate (end of epoch)")
    ]
    assert loss.get_xlabel() == "epoch"


def test_a_history_without_an_epoch_is_an_empty_figure() -> None:
    assert [lines(axes) for axes in History().plot().axes] == [[], [], []]


def test_the_curves_of_several_runs_lie_in_one_figure() -> None:
    figures = import_module("xpcnn.figures")
    (loss,) = figures.training_curve({"a": HISTORY, "b": HISTORY}, "loss").axes
    assert len(loss.lines) == 4
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        *("a (training)", "a", "b (training)", "b")
    ]


def test_the_names_of_many_lines_stand_below_them() -> None:
    figures = import_module("xpcnn.figures")
    heights = []
    for count in (2, 3, 10):
        runs = {str(i): HISTORY for i in range(count)}
        figure = figures.training_curve(runs, "loss")
        figure.canvas.draw()
        (axes,) = figure.axes
        legend, curves = axes.get_legend().get_window_extent(), axes.get_window_extent()
        assert (legend.y1 < curves.y0) == (count > 2)
        heights.append(curves.height)
    assert min(heights) > 0.7 * heights[0]


def test_a_figure_for_a_paper() -> None:
    """PDF, the same bytes every time, with fonts of the kind that journals take."""
    canvas = import_module("xpcnn.figures.canvas")
    found = [canvas.content_of(HISTORY.plot(), "pdf") for _ in range(2)]
    assert found[0] == found[1]
    assert found[0].startswith(b"%PDF")
    assert b"/Type3" not in found[0]


def test_letters_that_a_picture_cannot_show_are_named() -> None:
    canvas = import_module("xpcnn.figures.canvas")
    with canvas.style():
        figure = canvas.blank(2, 1)
        figure.suptitle("\u732b, \u732b and cat")
    assert "\u732b".encode() in canvas.content_of(figure, "svg")  # in a font of the reader
    with pytest.warns(DataWarning, match="^the font of the picture has no \u732b; a page or"):
        canvas.content_of(figure, "png")


@pytest.mark.parametrize(("last", "scale"), [(0.2, "linear"), (0.09, "log"), (0.0, "linear")])
def test_a_loss_that_falls_far_has_a_logarithmic_axis(last: float, scale: str) -> None:
    ends = Epoch(2, last, 0.75, None, None, 0.05, 1.0, 100.0, 20)
    loss, accuracy, rate = History([HISTORY.epochs[0], ends]).plot().axes
    assert [axes.get_yscale() for axes in (loss, accuracy, rate)] == [scale, "linear", "linear"]


def test_the_confusion_matrix_has_the_counts_of_the_report(report: ClassificationReport) -> None:
    (axes,) = report.plot_confusion().axes
    drawn = numpy.zeros((10, 10), int)
    for text in axes.texts:
        j, i = text.get_position()
        drawn[int(i), int(j)] = int(text.get_text())
    assert drawn.tolist() == [list(row) for row in report.confusion]
    assert axes.get_xlabel() == "predicted class"
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        figures.name for figures in report.per_class
    ]


def test_a_wide_confusion_matrix_is_one_image() -> None:
    figures = import_module("xpcnn.figures")
    counts = numpy.eye(50, dtype=int)
    (axes,) = figures.confusion_matrix(counts, [str(i) for i in range(50)]).axes
    assert len(axes.images) == 1
    assert not axes.texts


def test_calibration_is_that_of_the_report(report: ClassificationReport, parts: Parts) -> None:
    filled = [b for b in report.calibration if b.samples]
    assert sum(b.samples for b in filled) == len(parts[1])
    above, below = report.plot_calibration().axes
    assert heights(above) == [b.accuracy for b in filled]
    assert heights(below) == [b.samples for b in filled]
    gaps = [b.samples * abs((b.accuracy or 0.0) - (b.confidence or 0.0)) for b in filled]
    assert sum(gaps) / len(parts[1]) == pytest.approx(report.calibration_error, abs=1e-6)


def test_an_svg_is_an_element_of_a_page() -> None:
    figures = import_module("xpcnn.figures")
    text = figures.svg(HISTORY.plot(), "Loss <of> a & b")
    element = ElementTree.fromstring(text)
    assert element.get("aria-label") == "Loss <of> a & b"
    assert element.get("role") == "img"
    assert "http" not in text
    assert "epoch</text>" in text
    assert text == figures.svg(HISTORY.plot(), "Loss <of> a & b")  # the same every time


def test_a_notebook_shows_a_figure() -> None:
    assert "<svg" in HISTORY.plot()._repr_svg_()


def test_the_error_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("xpcnn.figures")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PackageMissingError, match=r"(?s)needs matplotlib.*'xpcnn\[report\]'"):
        HISTORY.plot()


def test_matplotlib_is_not_imported_before_a_figure_is_drawn() -> None:
    code = (
        "import sys, xpcnn.model, xpcnn.classification, xpcnn.training;"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.0139, 0.0303, 0.0341, 0.399), ["0.02", "0.05", "0.1", "0.2"]),
        ((0.001, 0.1, 0.5), ["0.001", "0.003", "0.01", "0.03", "0.1", "0.3"]),
        ((1e-6, 1e-3, 0.9), ["1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1"]),
        ((0.03, 0.031, 0.034), ["0.03", "0.032", "0.034"]),
    ],
)
def test_numbers_on_a_logarithmic_axis_do_not_overlap(
    values: tuple[float, ...], expected: list[str]
) -> None:
    trials = import_module("xpcnn.figures.trials")
    figure = trials.trials_by_value(
        values, [0.5] * len(values), [True] * len(values), 0, "lr", "val_loss", log=True
    )
    figure.draw_without_rendering()
    (axes,) = figure.axes
    left, right = axes.get_xlim()
    shown = [
        text
        for text in (*axes.get_xticklabels(), *axes.get_xticklabels(minor=True))
        if text.get_text() and left <= text.get_position()[0] <= right
    ]
    assert [text.get_text() for text in shown] == expected
    boxes = sorted((box.x0, box.x1) for text in shown for box in [text.get_window_extent()])
    assert all(a[1] < b[0] for a, b in itertools.pairwise(boxes))


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("colour", [canvas.GREY, canvas.RED])
def test_text_is_legible_on_white_and_dark_pages(colour: str) -> None:
    on_white = 1.05 / (luminance(colour) + 0.05)
    on_dark = (luminance(colour) + 0.05) / (luminance("#0d1117") + 0.05)
    assert on_white >= 4.5  # of WCAG, level AA; none has that on both
    assert on_dark >= 4.0


@pytest.mark.parametrize(
    ("task", "labels", "titles"),
    [
        ("classification", [1, 0, 1], ["b", "a"]),
        ("multi-label", [[1, 1], [0, 0], [1, 0]], ["a, b", "none"]),
        ("regression", [[0.5, -2.0], [1e6, 0.0], [0, 0]], ["0.5, -2", "1e+06, 0"]),
    ],
)
def test_a_data_set_draws_its_first_images(task: Any, labels: Any, titles: list[str]) -> None:
    images = numpy.arange(48, dtype=numpy.uint8).reshape(3, 1, 4, 4)
    data = xpcnn.data.Dataset.from_arrays(images, labels, ["a", "b"], task=task)
    axes = data.plot(2).axes
    assert [a.get_title() for a in axes] == titles
    drawn = numpy.asarray(axes[1].images[0].get_array())
    assert drawn.shape == (4, 4, 3)
    assert (drawn.min(), drawn.max()) == (round(255 * 16 / 31), 255)
    assert len(data.plot().axes) == 3


def test_a_data_set_that_cannot_be_drawn() -> None:
    rows = xpcnn.data.Dataset.from_arrays(numpy.zeros((2, 3, 1, 1), numpy.float32), [0, 1])
    with pytest.raises(DataError, match="rows of features, not images"):
        rows.plot()
    with pytest.raises(ConfigError, match="count is 0"):
        rows.plot(0)


def test_a_figure_of_the_validation_says_so() -> None:
    epoch = Epoch(1, 2.0, 0.25, 1.5, 0.5, 0.1, 1.0, 100.0, 10, metrics={"f1": 0.5, "top_3": 0.75})
    *_, f1, top_3 = History([epoch]).plot().axes
    assert (f1.get_ylabel(), top_3.get_ylabel()) == ("validation F1", "validation top-3")


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("abcdef", "abcdef"),
        ("abcdefg", "abcde…"),
        ("很长的中文", "很长…"),
        ("$1", r"\$1"),
    ],
)
def test_names_are_cut_to_their_room(name: str, drawn: str) -> None:
    assert canvas.short(name, 6) == drawn


def test_long_names_leave_a_confusion_matrix_its_room() -> None:
    figures = import_module("xpcnn.figures")
    figure = figures.confusion_matrix(numpy.eye(5, dtype=int), ["Straßenverkehrsüberwachung"] * 5)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_position().width > 0.5
