"""Where the time goes: in the run, in one update, and in each layer forward and backward."""

import statistics
from collections.abc import Mapping
from typing import Any

import numpy

from xpcnn.config.registry import preset_objects
from xpcnn.errors import counted
from xpcnn.layers import Context
from xpcnn.model import Model
from xpcnn.report.layer_passes import trace
from xpcnn.report.reported_run import Run, number
from xpcnn.report.update_time import update_times
from xpcnn.training import TrainingOptions
from xpcnn.training.recipe import random_source

BATCH = 64
_TIMED = 5


def layer_times(model: Model) -> list[dict[str, Any]]:
    """Return a row for each layer: what it is, and the time of a random batch, as in training.

    Each time is the shortest of some passes, without the first, which may compile kernels.
    """
    raw = numpy.random.default_rng(0).integers(0, 256, (BATCH, *model.input_shape), numpy.uint8)
    classes = numpy.zeros(BATCH, numpy.int64)
    context = Context(True, True, 1, random_source(model.network, 0))
    passes = [trace(model.network, raw, classes, context).passes for _ in range(1 + _TIMED)][1:]
    times = [
        [min(seconds) for seconds in zip(*(p.seconds for p in same), strict=True)]
        for same in zip(*passes, strict=True)
    ]
    most = max(map(sum, times), default=0.0) or 1.0
    counts = {row.path: row.parameters for row in model.summary().rows}
    rows = []
    for layer_pass, (forward, backward) in zip(passes[0], times, strict=True):
        rows.append(
            {
                "path": layer_pass.path,
                "type": layer_pass.type,
                "shape": " x ".join(map(str, layer_pass.y.shape[1:])),
                "parameters": f"{counts.get(layer_pass.path, 0):,}",
                "forward": number(1e3 * forward, ".2f"),
                "backward": number(1e3 * backward, ".2f"),
                "forward_share": number(90 * forward / most, ".1f"),
                "backward_share": number(90 * backward / most, ".1f"),
            }
        )
    return rows


def epoch_times(run: Run) -> str | None:
    """Return how long the epochs took, in a sentence; None if no epoch ended."""
    if not len(run):
        return None
    speeds = [x for x in run["images_per_second"] if x is not None]
    speed = f", {statistics.median(speeds):,.0f} images/s in the median epoch" if speeds else ""
    return f"Training took {run.duration} for {counted(len(run), 'epoch')}{speed}."


def run_parts(run: Run) -> list[dict[str, str]]:
    """Return a row for each part of the run's time, as it was recorded; none for older runs."""
    waited = [x for x in run["data_seconds"] if x is not None]
    if not waited or len(waited) < len(run):
        return []
    parts = {
        "waiting for batches": sum(waited),
        "updates": run.seconds - sum(waited),
        "validation": sum(x or 0.0 for x in run["validation_seconds"]),
    }
    return _rows(parts, 1.0, ".2f")


def update_parts(run: Run) -> dict[str, Any] | None:
    """Return how large a batch is, and a row for each part of an update, measured now.

    None for a run whose options cannot be read.
    """
    table = run.record.config.get("training")
    if not isinstance(table, dict):
        return None
    training = preset_objects()[TrainingOptions](table, "training")
    times = update_times(run.model, training)
    size = training.batch_size * training.accumulate
    return {"samples": size, "rows": _rows(times, 1e3, ".2f"), "augmented": bool(training.augment)}


def _rows(seconds: Mapping[str, float], scale: float, form: str) -> list[dict[str, str]]:
    """Return a row for each part: name, time, and share of the sum in per cent."""
    total = sum(seconds.values()) or 1.0
    return [
        {
            "part": name,
            "time": number(scale * value, form),
            "share": number(100.0 * max(0.0, value) / total, ".0f"),
        }
        for name, value in seconds.items()
    ]
