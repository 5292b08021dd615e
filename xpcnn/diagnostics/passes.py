"""What parity compares: the passes of each layer, of the loss, and of some training steps.

Each is a function of named arrays that can run on any backend in any dtype. A layer is given the
numbers that it gets in the network, whatever the layers before make of theirs, so that an error
shows where it arises.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy

from xpcnn.backend import Backend
from xpcnn.layers import Context, Layer
from xpcnn.layers.rebuilding import Wrapper, rebuilt
from xpcnn.network import Network
from xpcnn.training import TrainingOptions
from xpcnn.training.progress import beginning
from xpcnn.training.recipe import random_source, recipe_for
from xpcnn.training.step import training_step
from xpcnn.types import Array, LayerPullback, Params, flatten, unflatten_like

Arrays: TypeAlias = dict[str, numpy.ndarray]

STEPS = 3
"""Training steps that are compared, one batch each."""


class Passes(NamedTuple):
    """Something to run on several backends.

    arrays: what it is given, on the host, in float64 and exact in float32.
    run: (backend, dtype, arrays) -> the results by name, on the host, in the order of computing.
    roundings: of a result in a row, in units of rounding of its magnitude.
    positive: whether the same on absolute values is the sum of the absolute values of all terms.
    """

    arrays: Arrays
    run: Callable[[Backend, str, Arrays], Arrays]
    roundings: float
    positive: bool = True


def passes_of(network: Network, options: TrainingOptions, batch: int, seed: int) -> list[Passes]:
    """Return the passes of every layer, of the loss, and of STEPS training steps, in that order.

    Samples are normal, labels random; parameters are those of the network.
    """
    rng = numpy.random.default_rng(seed)
    plain = network.to("numpy")
    plain.params = plain.host_arrays(plain.params)
    outputs = plain.output_shape[0]
    batches = [
        (
            _exact(rng.standard_normal((batch, *plain.input_shape))),
            plain.task.random(rng, batch, outputs),
        )
        for _ in range(STEPS)
    ]
    calls, scores = _calls(plain, options, *batches[0], seed)
    found = [_of_layer(call, network, seed) for call in calls]
    found.append(_of_loss(network, scores, batches[0][1]))
    roundings = sum(part.roundings for part in found)
    found.append(_of_steps(plain, options, batches, seed, roundings))
    return found


class Call(NamedTuple):
    """A call of a layer and of its pullback, with what they were given."""

    path: str
    layer: Layer
    params: Params
    buffers: Params
    x: Array
    y: Array
    dy: Array
    frozen: frozenset[str]


@dataclass(frozen=True)
class _Recorded(Wrapper):
    """A layer that notes its calls as they go backward."""

    calls: list[Call]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, after, pullback = self.layer.forward(params, buffers, x, ctx)

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            self.calls.append(Call(ctx.path, self.layer, params, buffers, x, y, dy, ctx.frozen))
            return pullback(dy, want_dx)

        return y, after, backward


def _calls(
    network: Network, options: TrainingOptions, x: numpy.ndarray, labels: numpy.ndarray, seed: int
) -> tuple[list[Call], numpy.ndarray]:
    """Return the calls of all layers that hold no others, in order, and the scores; in float64."""
    calls: list[Call] = []
    layers = rebuilt(network.layers, lambda layer: _Recorded(layer, calls))
    recipe = recipe_for(network, options, seed)
    ctx = Context(True, True, 1, random_source(network, seed), frozen=recipe.frozen)
    double = _in_dtype(network, "float64")
    scores, _, back = layers.forward(double.params, double.buffers, x, ctx)
    _, loss_back = network.loss(scores, labels)
    back(loss_back(numpy.ones_like(scores[0, 0])))
    paths = [f"{call.path}." for call in calls]
    inner = [
        call
        for call in calls
        if call.path and sum(p.startswith(f"{call.path}.") for p in paths) == 1
    ]
    return inner[::-1], scores


def _of_layer(call: Call, network: Network, seed: int) -> Passes:
    layer, where = call.layer, f"{call.path} ({type(call.layer).__name__})"
    held = {"params": call.params, "buffers": call.buffers}

    def run(backend: Backend, dtype: str, arrays: Arrays) -> Arrays:
        given = {name: backend.from_host(a.astype(dtype)) for name, a in arrays.items()}
        mine = unflatten_like(held, given)
        on = copy.copy(network)
        on.backend = backend
        ctx = Context(True, True, 1, random_source(on, seed), call.path, call.frozen)
        y, buffers, pullback = layer.forward(mine["params"], mine["buffers"], given["x"], ctx)
        dx, grads = pullback(given["dy"])
        results = {f"output of {where}": y}
        results |= {f"{call.path}.{name}": b for name, b in flatten(buffers).items()}
        results |= {f"gradient of the input of {where}": dx}
        results |= {f"gradient of {call.path}.{name}": g for name, g in flatten(grads).items()}
        return {name: backend.to_host(a) for name, a in results.items()}

    arrays = {**flatten(held), "x": call.x, "dy": call.dy}
    return Passes({name: _exact(a) for name, a in arrays.items()}, run, _roundings(call))


def _of_loss(network: Network, scores: numpy.ndarray, labels: numpy.ndarray) -> Passes:
    def run(backend: Backend, dtype: str, arrays: Arrays) -> Arrays:
        given = backend.from_host(arrays["scores"].astype(dtype))
        value, back = network.loss(given, backend.from_host(network.task.scaled(labels, dtype)))
        one = backend.from_host(numpy.ones((), dtype))
        return {
            "loss": backend.to_host(value),
            "gradient of the scores": backend.to_host(back(one)),
        }

    return Passes({"scores": _exact(scores)}, run, _of_sum(scores.size))


def _of_steps(
    network: Network,
    options: TrainingOptions,
    batches: list[tuple[numpy.ndarray, numpy.ndarray]],
    seed: int,
    roundings: float,
) -> Passes:
    def run(backend: Backend, dtype: str, arrays: Arrays) -> Arrays:
        on = copy.copy(network)
        on.compute_dtype = dtype
        on.params = unflatten_like(network.params, arrays)
        on = on.to(backend)
        recipe = recipe_for(on, options, seed)
        to_device = on.backend.from_host
        progress = beginning(recipe, on)
        lr = to_device(numpy.asarray(options.optimizer.lr, dtype))
        results: dict[str, Any] = {}
        for i, (_, labels) in enumerate(batches):
            x = to_device(arrays[f"samples.{i}"].astype(dtype))
            step = to_device(numpy.asarray(i + 1, dtype))
            before = progress.loss_sum
            update = [(x, to_device(on.task.scaled(labels, dtype)))], i + 1, lr, step
            progress = training_step(recipe, progress, *update)
            results[f"loss of step {i + 1}"] = progress.loss_sum - before
        for path, p in (flatten(progress.params) | flatten(progress.buffers)).items():
            results[f"{path} after step {STEPS}"] = p
        return {name: backend.to_host(a) for name, a in results.items()}

    arrays = {path: _exact(p) for path, p in flatten(network.params).items()}
    arrays |= {f"samples.{i}": x for i, (x, _) in enumerate(batches)}
    return Passes(arrays, run, STEPS * roundings, positive=False)


def _in_dtype(network: Network, dtype: str) -> Network:
    other = copy.copy(network)
    other.compute_dtype = dtype
    return other.to("numpy")


def _exact(x: numpy.ndarray) -> numpy.ndarray:
    """Return numbers of float32 in float64."""
    rounded: numpy.ndarray = numpy.asarray(x).astype(numpy.float32).astype(numpy.float64)
    return rounded


def _roundings(call: Call) -> float:
    """Return the roundings of the longest sum of a layer: forward, of dx, or of a gradient."""
    channels = [a.shape[1] for a in (call.x, call.y) if a.ndim > 1]
    over_batch = [a.size // c for a, c in zip((call.x, call.y), channels, strict=True)]
    weights = [w.size // min(w.shape) for w in flatten(call.params).values() if w.ndim > 1]
    return _of_sum(max([1, *over_batch, *weights]))


def _of_sum(terms: int) -> float:
    """Return how many units of rounding of its magnitude a sum may be off on two backends.

    6 + 2 sqrt(K) for K terms on each (measured for convolutions, whatever the order).
    """
    return 2 * (6 + 2 * math.sqrt(terms))
