"""The trials of a search: the figure of each over its epochs, and by what was tried."""

from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from xpcnn.figures.canvas import BLUE, GREY, ORANGE, Canvas, blank, label_decades, plain, style

_FEW = 8  # different values that get a place each


def trial_curves(
    curves: Sequence[Sequence[float | None]],
    complete: Sequence[bool],
    best: int | None,
    metric: str,
) -> Canvas:
    """Return a curve over the epochs for each trial: the best orange, those cut short grey.

    curves: the figure of each trial after each epoch; None is not drawn.
    complete: whether each trial finished. best: the index of the best one.
    metric: what the figure is called.
    """
    with style():
        figure = blank(5.4, 3.4)
        axes = figure.subplots()
        axes.set(xlabel="epoch", ylabel=metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        order = sorted(range(len(curves)), key=lambda i: (i == best, complete[i]))
        for i in order:  # the best is drawn last, above the others
            points = [(epoch, y) for epoch, y in enumerate(curves[i], 1) if y is not None]
            if points:
                look: dict[str, Any] = {"color": _colour(i, complete, best), "markersize": 3.5}
                look |= {"marker": "o", "linewidth": 2.5 if i == best else 1.2}
                axes.plot(*zip(*points, strict=True), **look)
    return figure


def trials_by_value(
    values: Sequence[Any],
    figures: Sequence[float | None],
    complete: Sequence[bool],
    best: int | None,
    key: str,
    metric: str,
    log: bool = False,
) -> Canvas:
    """Return a scatter plot of the trials: the value of one key on the x axis, the figure on y.

    values: of the key; texts, and numbers if they are few, have a place each.
    figures: of the trials; None is not drawn.
    log: whether the values are spaced by their logarithm.
    The other arguments as in `trial_curves`.
    """
    places = sorted({*values}, key=lambda value: (isinstance(value, str), value))
    named = any(isinstance(value, str | bool) for value in values)
    few = len(places) <= min(_FEW, len(values) - 1) and not log
    with style():
        figure = blank(5.4, 3.4)
        axes = figure.subplots()
        axes.set(xlabel=plain(key), ylabel=metric)
        if named or few:
            axes.set_xticks(range(len(places)), [plain(str(value)) for value in places])
            axes.set_xlim(-0.5, len(places) - 0.5)
        elif log:
            axes.set_xscale("log")
            label_decades(axes.xaxis, min(places), max(places))
        for i, (value, y) in enumerate(zip(values, figures, strict=True)):
            if y is not None:
                x = places.index(value) if named or few else value
                size, above = (9, 3) if i == best else (6, 2)
                colour = _colour(i, complete, best)
                axes.plot(x, y, "o", color=colour, alpha=0.85, markersize=size, zorder=above)
    return figure


def _colour(i: int, complete: Sequence[bool], best: int | None) -> str:
    return ORANGE if i == best else BLUE if complete[i] else GREY
