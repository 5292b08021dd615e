"""How long the parts of one update take: data, forward, loss, backward, update."""

import copy
import time
from dataclasses import dataclass, replace

import numpy

from xpcnn.backend import Backend
from xpcnn.layers import Context
from xpcnn.layers.rebuilding import Wrapper
from xpcnn.model import Model
from xpcnn.training import TrainingOptions
from xpcnn.training.progress import beginning
from xpcnn.training.recipe import recipe_for
from xpcnn.training.step import gradients, update
from xpcnn.training.updates import Updates
from xpcnn.types import Array, LayerPullback, Params

PARTS = ("data", "forward", "loss", "backward", "update")
_TIMED = 4


@dataclass(frozen=True)
class Timed(Wrapper):
    """A network that adds up the seconds of its forward and backward passes, fused as it is."""

    backend: Backend
    seconds: dict[str, float]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        begin = time.perf_counter()
        y, buffers, pullback = self.layer.forward(params, buffers, x, ctx)
        self.seconds["forward"] += since(begin, self.backend)

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            begin = time.perf_counter()
            found = pullback(dy, want_dx)
            self.seconds["backward"] += since(begin, self.backend)
            return found

        return y, buffers, backward


def since(begin: float, backend: Backend) -> float:
    """Return the seconds since a moment, when the device has done its work."""
    backend.synchronize()
    return time.perf_counter() - begin


def update_times(model: Model, training: TrainingOptions) -> dict[str, float]:
    """Return the seconds of each part of an update by name, in the order of `PARTS`.

    Each time is the shortest of some updates, without the first, on random samples; the model stays
    unchanged. "data" is gathering, normalising and augmenting the batches, which a run with
    augmentation does beside the updates; "loss" is the loss, its gradient, and the sums of loss and
    hits.

    training: whose batch size, optimizer and augmentations are used.
    """
    options = replace(training, max_steps=None, drop_last=False)
    network, rng = copy.deepcopy(model.network), numpy.random.default_rng(0)
    n = options.batch_size * options.accumulate * (1 + _TIMED)
    raw = rng.integers(0, 256, (n, *model.input_shape), numpy.uint8)
    labels = model.task.random(rng, n, model.output_shape[0])
    backend, found = network.backend, []
    with backend.session(), numpy.errstate(all="ignore"):
        updates = Updates(network, network.samples(raw, labels), options, seed=0)
        seconds: dict[str, float] = {}
        recipe = recipe_for(network, options, 0)
        recipe = recipe._replace(layers=Timed(network.computing, backend, seconds))
        progress, steps = beginning(recipe, network), updates.epoch(1, 0, [])
        for _ in range(1 + _TIMED):
            seconds |= dict.fromkeys(PARTS, 0.0)
            begin = time.perf_counter()
            batches, first_pass, lr, step, _ = next(steps)
            seconds["data"] = since(begin, backend)
            begin = time.perf_counter()
            progress, grads = gradients(recipe, progress, batches, first_pass)
            both = seconds["forward"] + seconds["backward"]
            seconds["loss"] = since(begin, backend) - both
            begin = time.perf_counter()
            progress = update(recipe, progress, grads, lr, step)
            seconds["update"] = since(begin, backend)
            found.append(dict(seconds))
    return {part: min(times[part] for times in found[1:]) for part in PARTS}
