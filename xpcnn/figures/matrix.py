"""A confusion matrix as a picture: right predictions blue, wrong ones red.

Cells have a light ground of their own, on which dark numbers are legible on every page.
"""

from collections.abc import Sequence

import numpy
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from xpcnn.figures.canvas import BLUE, RED, Canvas, blank, letters, short, style

_MOST_NUMBERS = 20  # classes whose cells have room for a number
_MOST_NAMES = 40  # classes that have room for a name
_FAINTEST, _STRONGEST = 0.2, 0.75  # part of the colour in a cell, the rest is white
_DARK = "#1f2328"
_LONGEST = 14  # letters of a name that are drawn
_LETTER = 0.1  # inches


def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Canvas:
    """Return a confusion matrix; row = true class, column = predicted class.

    counts: whole numbers (c, c). The colour of a cell grows with the square root of its share of
    its row, so that rare mistakes are seen too; cells of 0 are empty.
    """
    n = len(classes)
    table = numpy.asarray(counts)
    share = numpy.sqrt(table / numpy.maximum(table.sum(axis=1, keepdims=True), 1))
    colours = _colours(_FAINTEST + (_STRONGEST - _FAINTEST) * share)
    side = max(5.4, 2.2 + 0.36 * n) if n <= _MOST_NAMES else 5.4
    names = [short(name, _LONGEST) for name in classes]
    with style():
        figure = blank(side, side)
        axes = figure.subplots()
        axes.grid(False)
        axes.set(xlabel="predicted class", ylabel="true class", aspect="equal")
        axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
        if n <= _MOST_NAMES:
            axes.set_xticks(range(n), names)
            axes.set_yticks(range(n), names)
            if _LETTER * max(map(letters, names)) > 0.6 * side / n:  # wider than a column
                axes.tick_params(axis="x", rotation=90)
        else:
            axes.set(xlabel="predicted class, by number", ylabel="true class, by number")
        axes.tick_params(length=0)
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
