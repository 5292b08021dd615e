"""Curves over the epochs of one training or of several: loss, accuracy, learning rate."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from xpcnn.figures.canvas import BLUE, COLOURS, ORANGE, Canvas, blank, plain, style

CURVES: Mapping[str, Sequence[str]] = {
    "loss": ("loss", "val_loss"),
    "accuracy": ("accuracy", "val_accuracy"),
    "learning rate": ("lr",),
}
"""By the name on the axis: the figures of an epoch that are drawn."""

_FEW = 20  # epochs that get a mark each


class Figures(Protocol):
    """What is known of each epoch, by name: "epoch", "loss", "val_loss", ...; None is not drawn."""

    def __getitem__(self, name: str, /) -> Sequence[Any]: ...


def training_curves(runs: Mapping[str, Figures]) -> Canvas:
    """Return loss, accuracy and learning rate over the epochs, side by side.

    runs: the figures of each training by its name; one alone needs no name.
    """
    with style():
        figure = blank(12, 3.4)
        for axes, name in zip(figure.subplots(1, len(CURVES)), CURVES, strict=True):
            _draw(axes, runs, name)
    return figure


def training_curve(runs: Mapping[str, Figures], name: str) -> Canvas:
    """Return one curve of each training: "loss", "accuracy" or "learning rate"."""
    with style():
        figure = blank(5.4, 3.4)
        _draw(figure.subplots(), runs, name)
    return figure


def _draw(axes: Axes, runs: Mapping[str, Figures], name: str) -> None:
    """Draw a curve of each run: one run in two colours, several in a colour each."""
    axes.set(xlabel="epoch", ylabel=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for i, (name_of_run, figures) in enumerate(runs.items()):
        run = plain(name_of_run)
        for key in CURVES[name]:
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
                label = f"{run} (training)" if len(CURVES[name]) == 2 and not is_validation else run
            dashed = len(runs) > 1 and len(CURVES[name]) == 2 and not is_validation
            axes.plot(
                *zip(*points, strict=True),
                color=colour,
                label=label,
                linestyle="--" if dashed else "-",
                marker="o" if len(points) <= _FEW else "",
                markersize=3.5,
            )
    if len(axes.lines) > 1:
        axes.legend(fontsize=10)
