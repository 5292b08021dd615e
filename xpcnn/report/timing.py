"""How long each layer takes, forward and backward."""

import statistics
from typing import Any

import numpy

from xpcnn.model import Model
from xpcnn.report.passages import trace
from xpcnn.report.run import Run, number

BATCH = 64
_TIMED = 3


def layer_times(model: Model) -> list[dict[str, Any]]:
    """Return a row for each layer: what it is, and the time of a batch of zeros, in inference.

    The shortest of some passes, the first aside, which may compile kernels.
    """
    raw = numpy.zeros((BATCH, *model.input_shape), numpy.float32)
    classes = numpy.zeros(BATCH, numpy.int64)
    passes = [trace(model.network, raw, classes).passages for _ in range(1 + _TIMED)][1:]
    times = [
        [min(seconds) for seconds in zip(*(p.seconds for p in same), strict=True)]
        for same in zip(*passes, strict=True)
    ]
    most = max(map(sum, times), default=0.0) or 1.0
    counts = {row.path: row.parameters for row in model.summary().rows}
    rows = []
    for passage, (forward, backward) in zip(passes[0], times, strict=True):
        rows.append(
            {
                "path": passage.path,
                "type": passage.type,
                "shape": " x ".join(map(str, passage.y.shape[1:])),
                "parameters": f"{counts.get(passage.path, 0):,}",
                "forward": number(1e3 * forward, ".2f"),
                "backward": number(1e3 * backward, ".2f"),
                "forward_share": number(90 * forward / most, ".1f"),
                "backward_share": number(90 * backward / most, ".1f"),
            }
        )
    return rows


def epoch_times(run: Run) -> str | None:
    """Return how long the epochs took, in a sentence; None without any."""
    if not len(run):
        return None
    speeds = [x for x in run["images_per_second"] if x is not None]
    speed = f", {statistics.median(speeds):,.0f} images/s in the median epoch" if speeds else ""
    epochs = "1 epoch" if len(run) == 1 else f"{len(run)} epochs"
    return f"Training took {run.seconds:.1f} s for {epochs}{speed}."
