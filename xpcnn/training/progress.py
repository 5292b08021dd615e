"""The progress of training: the arrays that steps change, and their place in the run."""

from typing import NamedTuple, TypeAlias

import numpy

from xpcnn.network import Network
from xpcnn.optimizers import State
from xpcnn.training.loss_scale import first_scale
from xpcnn.training.recipe import Arrays, Recipe
from xpcnn.types import Array, Params, flatten, namespace, unflatten_like

Weights: TypeAlias = tuple[Params, Params]
"""Parameters and buffers."""


class Progress(NamedTuple):
    """All that a step changes.

    params, buffers: nested by layer; state: the optimizer's.
    average: the average of the parameters, by path; empty where there is none.
    loss_sum, hits: sums over the samples of the epoch (0-d).
    finite: whether every loss was, and every gradient before it was clipped (0-d bool). With a
        scale, gradients that are not finite skip an update instead.
    scaling: the scale of the loss and what it depends on; see `loss_scale`; empty for none.
    """

    params: Params
    buffers: Params
    state: State
    average: Arrays
    loss_sum: Array
    hits: Array
    finite: Array
    scaling: Arrays

    def with_zero_sums(self) -> "Progress":
        """Return the progress with the sums of no samples."""
        zeros = namespace(self.loss_sum).zeros_like
        return self._replace(loss_sum=zeros(self.loss_sum), hits=zeros(self.hits))


class Position(NamedTuple):
    """Where a run is, between two updates: its progress after a number of forward passes."""

    progress: Progress
    passes: int


def beginning(recipe: Recipe, network: Network) -> Progress:
    """Return the progress before the first step: the weights that the network has."""
    flat = flatten(network.params)
    return Progress(
        network.params,
        network.buffers,
        recipe.parameter_groups.init(recipe.optimizer, flat),
        flat if recipe.averages else {},
        *zero_sums(network),
        network.backend.from_host(numpy.ones((), bool)),
        first_scale(network),
    )


def zero_sums(network: Network) -> tuple[Array, Array]:
    """Return the loss sum and the hits of no samples, on the device."""
    to_device = network.backend.from_host
    return to_device(numpy.zeros((), network.dtype)), to_device(numpy.zeros((), numpy.int64))


def named_arrays(progress: Progress) -> Arrays:
    """Return all that a run keeps from step to step, by name: parameters, buffers, the optimizer's
    state, average, loss scale."""
    state = {
        f"{quantity}.{path}": x
        for quantity, group in progress.state.items()
        for path, x in group.items()
    }
    return {
        **{f"params.{path}": x for path, x in flatten(progress.params).items()},
        **{f"buffers.{path}": x for path, x in flatten(progress.buffers).items()},
        **{f"state.{name}": x for name, x in state.items()},
        **{f"average.{path}": x for path, x in progress.average.items()},
        **{f"scaling.{name}": x for name, x in progress.scaling.items()},
    }


def with_arrays(fresh: Progress, named: Arrays) -> Progress:
    """Return a progress whose arrays are those of `named`, the inverse of `named_arrays`."""
    return fresh._replace(
        params=unflatten_like(fresh.params, named, "params."),
        buffers=unflatten_like(fresh.buffers, named, "buffers."),
        state={
            quantity: {path: named[f"state.{quantity}.{path}"] for path in group}
            for quantity, group in fresh.state.items()
        },
        average={path: named[f"average.{path}"] for path in fresh.average},
        scaling={name: named[f"scaling.{name}"] for name in fresh.scaling},
    )


def all_finite(progress: Progress) -> Array:
    """Return whether all that a step left behind is finite: 0-d bool, on the device."""
    finite = progress.finite
    for x in named_arrays(progress).values():
        xp = namespace(x)
        finite = xp.logical_and(finite, xp.all(xp.isfinite(x)))
    return finite
