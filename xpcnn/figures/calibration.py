"""A reliability diagram: how often a model is right, by how sure it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from xpcnn.figures.canvas import BLUE, GREY, ORANGE, Canvas, blank, style


def reliability_diagram(bins: Sequence[Mapping[str, Any]]) -> Canvas:
    """Return accuracy by confidence, and below it the number of samples, bin by bin.

    bins: of equal width from 0 to 1, by the highest probability of a sample: "confidence", its mean
    in the bin, "accuracy", the share of samples predicted rightly, and "samples", how many they
    are. Empty bins are not drawn. On the dashed line accuracy equals confidence.
    """
    width = 1.0 / len(bins)
    filled = [((i + 0.5) * width, b) for i, b in enumerate(bins) if b["samples"]]
    centres = [centre for centre, _ in filled]
    column = {name: [b[name] for _, b in filled] for name in ("confidence", "accuracy", "samples")}
    with style():
        figure = blank(5.4, 4.6)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot((0, 1), (0, 1), color=GREY, linestyle="--", linewidth=1)
        bars = {"width": 0.9 * width, "color": BLUE, "alpha": 0.6}
        above.bar(centres, column["accuracy"], **bars, label="accuracy")
        mark = {"marker": "o", "markersize": 5, "linestyle": "", "color": ORANGE, "clip_on": False}
        above.plot(column["confidence"], column["accuracy"], **mark, label="at mean confidence")
        above.set(ylabel="accuracy", ylim=(0, 1.04), xlim=(0, 1))
        above.legend(fontsize=10, loc="upper left")
        below.bar(centres, column["samples"], **bars | {"color": GREY})
        below.set(xlabel="confidence (highest probability)", ylabel="samples")
    return figure
