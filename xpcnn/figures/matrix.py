"""A confusion matrix as a picture: right predictions blue, wrong ones red.

Cells have a light ground of their own, on which dark numbers are legible on every page.
"""

from collections.abc import Sequence

import numpy
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from xpcnn.figures.canvas import BLUE, RED, Canvas, blank, plain, style

_MOST_NUMBERS = 20  # classes whose cells have room for a number
_MOST_NAMES = 40  # classes that have room for a name
_FAINTEST, _STRONGEST = 0.2, 0.75  # part of the colour in a cell, the rest is white
_DARK = "#1f2328"


def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Canvas:
    """Return a confusion matrix; row = true class, column = predicted class.

    counts: whole numbers (c, c). The colour of a cell grows with the square root of its share of
    its row, so that rare mistakes are seen too; cells of 0 are empty.
    """
    n = len(classes)
    table = numpy.asarray(counts)
    share = numpy.sqrt(table / numpy.maximum(table.sum(axis=1, keepdims=True), 1))
    colours = _colours(_FAINTEST + (_STRONGEST - _FAINTEST) * share)
    side = max(4.2, 2.2 + 0.36 * min(n, _MOST_NUMBERS))
    with style():
        figure = blank(side, side)
        axes = figure.subplots()
        axes.grid(False)
        axes.set(xlabel="predicted class", ylabel="true class", aspect="equal")
        axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
        if n <= _MOST_NAMES:
            axes.set_xticks(range(n), [_short(name) for name in classes])
            axes.set_yticks(range(n), [_short(name) for name in classes])
            if any(len(name) > 2 for name in classes):
                axes.tick_params(axis="x", rotation=90)
        axes.tick_params(length=0, labelsize=8 if _MOST_NUMBERS < n <= _MOST_NAMES else 12)
        (_cells if n <= _MOST_NUMBERS else _image)(axes, table, colours)
    return figure


def _colours(strength: numpy.ndarray) -> numpy.ndarray:
    """Return red, green, blue of each cell (c, c, 3), from 0 to 1."""
    diagonal = numpy.eye(len(strength), dtype=bool)[..., None]
    full = numpy.where(diagonal, to_rgb(BLUE), to_rgb(RED))
    return numpy.asarray(1.0 - strength[..., None] * (1.0 - full))


def _cells(axes: Axes, table: numpy.ndarray, colours: numpy.ndarray) -> None:
    """Draw a square with its number for each cell that is not 0."""
    for i, j in numpy.argwhere(table).tolist():
        square = Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, color=colours[i, j], linewidth=0)
        axes.add_patch(square)
        size = 10 if table[i, j] < 1000 else 7.5
        count = str(int(table[i, j]))
        axes.text(j, i, count, ha="center", va="center", fontsize=size, color=_DARK)


def _image(axes: Axes, table: numpy.ndarray, colours: numpy.ndarray) -> None:
    """Draw all cells as one image."""
    pixels = numpy.concatenate([colours, (table > 0)[..., None]], axis=-1)
    axes.imshow(pixels, interpolation="nearest")


def _short(name: str) -> str:
    return plain(name if len(name) <= 14 else f"{name[:13]}…")
