"""Samples with their predicted classes; and with the curves of the training: a run at a glance."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from xpcnn.figures.canvas import GREY, RED, Canvas, blank, plain, style
from xpcnn.figures.curves import Figures, curves_of, draw_curve

_IN_A_ROW = 5
_FONT = 17  # points; legible on a phone
_ROOM = 72 / 0.6  # points in an inch, over the width of a letter for each point of its size


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
    """Draw loss and accuracy, if there is one; the loss on a logarithmic axis, if above 0."""
    names = [name for name in ("loss", "accuracy") if name in curves_of({"": run})]
    places = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(places, names, strict=True):
        draw_curve(axes, {"": run}, name)
        axes.set(ylabel="", title=name)
    loss = places[0]
    if 0.0 < loss.dataLim.ymin < math.inf:
        loss.set_yscale("log")
    if len(names) > 1 and (legend := loss.get_legend()):
        legend.remove()  # that of the accuracy says the same


def _draw_samples(places: Iterable[Axes], samples: Sequence[Sample], width: float) -> None:
    """Draw each sample below the class that the model predicts.

    A wrong class is red, and the true one follows it in parentheses.

    places: axes, at least as many as samples. width: inches for each.
    """
    places = list(places)
    for axes in places:
        axes.set_axis_off()
    for axes, sample in zip(places, samples, strict=False):
        title, wrong = plain(sample.predicted), sample.predicted != sample.true
        if wrong:
            true = f"({plain(sample.true)})"
            title += f" {true}" if len(title + true) < 6 else f"\n{true}"
        longest = max(map(len, title.split("\n")))
        size = min(_FONT, _ROOM * width / longest)
        axes.set_title(title, color=RED if wrong else GREY, fontsize=size)
        axes.imshow(sample.pixels, interpolation="nearest")
