"""Curves over the epochs of one training or of several: loss, accuracy, learning rate."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from xpcnn.errors import figure_name
from xpcnn.figures.canvas import BLUE, COLOURS, ORANGE, Canvas, blank, label_decades, plain, style

CURVES: Mapping[str, Sequence[str]] = {
    "loss": ("loss", "val_loss"),
    "accuracy": ("accuracy", "val_accuracy"),
    "learning rate": ("lr",),
}
"""By the name on the axis: the figures of an epoch that are drawn."""

_IN_A_ROW = 3

_LOGARITHMIC = 20.0  # times the least loss: the last epochs would lie on the axis

_MANY = 4  # lines whose names would cover them, and stand below

_FEW = 20  # epochs that get a mark each


class Figures(Protocol):
    """What is known of each epoch, by name: "epoch", "loss", "val_loss", ...; None is not drawn.

    metrics: the names of further figures, such as "val_f1".
    """

    def __getitem__(self, name: str, /) -> Sequence[Any]: ...

    @property
    def metrics(self) -> Sequence[str]: ...


def training_curves(runs: Mapping[str, Figures]) -> Canvas:
    """Return loss, accuracy, learning rate and each metric over the epochs, side by side.

    runs: the figures of each training by its name; one alone needs no name.
    """
    names = curves_of(runs)
    rows = -(-len(names) // _IN_A_ROW)
    with style():
        figure = blank(12, 3.4 * rows)
        for place, name in enumerate(names, 1):
            draw_curve(figure.add_subplot(rows, _IN_A_ROW, place), runs, name)
    return figure


def curves_of(runs: Mapping[str, Figures]) -> Mapping[str, Sequence[str]]:
    """Return what can be drawn of some trainings: `CURVES`, and each metric of any.

    Without the accuracy where no epoch has one, as in regression.
    """
    known = {
        name: keys
        for name, keys in CURVES.items()
        if any(_has_figures(run, keys) for run in runs.values())
    }
    metrics = dict.fromkeys(key for run in runs.values() for key in run.metrics)
    return {**known, **{figure_name(key.removeprefix("val_")): (key,) for key in metrics}}


def _has_figures(run: Figures, keys: Sequence[str]) -> bool:
    return not run["epoch"] or any(y is not None for key in keys for y in run[key])


def training_curve(runs: Mapping[str, Figures], name: str) -> Canvas:
    """Return one curve of each training, by a name of `curves_of`, such as "loss"."""
    below = 0.18 * len(runs) if 2 * len(runs) > _MANY else 0.0  # names of the lines
    with style():
        figure = blank(5.4, 3.4 + below)
        draw_curve(figure.subplots(), runs, name)
    return figure


def draw_curve(axes: Axes, runs: Mapping[str, Figures], name: str) -> None:
    """Draw a curve of each run on axes: one run in two colours, several in a colour each.

    A loss that falls far has a logarithmic axis.
    """
    keys = curves_of(runs)[name]
    of = "validation " if all(key.startswith("val_") for key in keys) else ""
    at = " (end of epoch)" if keys == CURVES["learning rate"] else ""
    axes.set(xlabel="epoch", ylabel=f"{of}{name}{at}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for i, (name_of_run, figures) in enumerate(runs.items()):
        run = plain(name_of_run)
        for key in keys:
            is_validation = key.startswith("val_")
            points = [
                (epoch, y)
                for epoch, y in zip(figures["epoch"], figures[key], strict=True)
                if y is not None
            ]
            if not points:
                continue
            if len(runs) == 1:
                colour = ORANGE if is_validation else BLUE
                label = "validation" if is_validation else "training"
            else:
                colour = COLOURS[i % len(COLOURS)]
                label = f"{run} (training)" if len(keys) == 2 and not is_validation else run
            dashed = len(runs) > 1 and len(keys) == 2 and not is_validation
            axes.plot(
                *zip(*points, strict=True),
                color=colour,
                label=label,
                linestyle="--" if dashed else "-",
                marker="o" if len(points) <= _FEW else "",
                markersize=3.5,
            )
    if name == "loss" and 0.0 < _LOGARITHMIC * axes.dataLim.ymin < axes.dataLim.ymax < math.inf:
        axes.set_yscale("log")
        label_decades(axes.yaxis, axes.dataLim.ymin, axes.dataLim.ymax)
    if len(axes.lines) > _MANY:
        axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    elif len(axes.lines) > 1 or len(runs) > 1:
        axes.legend(fontsize="small")
