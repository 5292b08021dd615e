"""Samples with their predicted classes; and with the curves of the training: a run at a glance."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from xpcnn.figures.canvas import GREY, RED, Canvas, blank, letters, short, style
from xpcnn.figures.curves import Figures, curves_of, draw_curve

_IN_A_ROW = 5
_FONT = 17  # points; legible on a phone
_ROOM = 72 / 0.6  # points in an inch, over the width of a letter for each point of its size
_SMALLEST = 9  # points; longer names are cut


class Sample(NamedTuple):
    """A sample to draw: RGB of 0 to 255 (h, w, 3), and the names of both its classes."""

    pixels: numpy.ndarray
    true: str
    predicted: str


def overview(run: Figures, samples: Sequence[Sample]) -> Canvas:
    """Return loss and accuracy by epoch, and below them samples in a row, if there are any."""
    with style(), rc_context({"font.size": _FONT, "axes.grid": False}):
        if not samples:
            figure = blank(9, 3)
            _draw_curves(figure, run)
            return figure
        figure = blank(9, 4)
        curves, row = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.9, 1))[:, 0]
        _draw_curves(curves, run)
        _draw_samples(row.subplots(1, len(samples), squeeze=False)[0], samples, 9 / len(samples))
    return figure


def sample_sheet(samples: Sequence[Sample]) -> Canvas:
    """Return samples in rows, each below its predicted class."""
    columns = max(1, min(_IN_A_ROW, len(samples)))
    rows = max(1, -(-len(samples) // columns))
    with style(), rc_context({"axes.grid": False}):
        figure = blank(1.8 * columns, 2.1 * rows)
        _draw_samples(figure.subplots(rows, columns, squeeze=False).ravel(), samples, 1.8)
    return figure


def _draw_curves(figure: FigureBase, run: Figures) -> None:
    """Draw loss and accuracy, if there is one."""
    names = [name for name in ("loss", "accuracy") if name in curves_of({"": run})]
    places = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(places, names, strict=True):
        draw_curve(axes, {"": run}, name)
        axes.set(ylabel="", title=name)
    if len(names) > 1 and (legend := places[0].get_legend()):
        legend.remove()  # that of the accuracy says the same


def _draw_samples(places: Iterable[Axes], samples: Sequence[Sample], width: float) -> None:
    """Draw each sample below the class that the model predicts.

    A wrong class is red, and the true one follows it in parentheses.

    places: axes, at least as many as samples. width: inches for each.
    """
    places = list(places)
    most = int(0.85 * _ROOM * width / _SMALLEST)
    for axes in places:
        axes.set_axis_off()
    for axes, sample in zip(places, samples, strict=False):
        title, wrong = short(sample.predicted, most), sample.predicted != sample.true
        if wrong:
            true = f"({short(sample.true, most - 2)})"
            title += f" {true}" if letters(title + true) < 6 else f"\n{true}"
        longest = max(map(letters, title.split("\n")))
        size = min(_FONT, _ROOM * width / longest)
        axes.set_title(title, color=RED if wrong else GREY, fontsize=size)
        axes.imshow(sample.pixels, interpolation="nearest")
