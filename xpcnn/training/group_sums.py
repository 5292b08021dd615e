"""Sums over the processes that train together: gradients, loss and hits of an update.

All are one flat array, and one sum. Where a group overlaps, the sums of gradients begin while the
backward pass goes on, which has those of the last layer first: on a slow network they are done when
the pass is (examples/guides/processes.md has figures).
"""

import math
from collections.abc import Callable, Sequence

from xpcnn.process_group import Group
from xpcnn.training.progress import Progress
from xpcnn.training.recipe import Arrays, Recipe
from xpcnn.types import Array, Params, flatten, namespace, unflatten_like

PIECE = 1 << 16
"""Numbers that a sum which begins early has, at least: 256 KiB of float32."""


def summed(
    recipe: Recipe, before: Progress, own: Progress, grads: Arrays
) -> tuple[Progress, Arrays]:
    """Return progress and gradients of all processes, by one sum of one flat array.

    It holds the gradients, loss and hits. If processes normalise by different statistics, it also
    holds the running ones, whose mean is kept. If the loss of one process is not finite, the sum is
    not.
    """
    xp, group, norm_group = namespace(own.loss_sum), recipe.group, recipe.norm_group
    is_same = norm_group is not None and norm_group.size == group.size
    buffers = {} if is_same else flatten(own.buffers)
    hits = xp.astype(own.hits, own.loss_sum.dtype)  # exact below 2**24
    parts = [*grads.values(), *buffers.values(), own.loss_sum, hits]
    *others, loss, hits = _split(group.sum(_joined(group, parts, own.loss_sum)), parts)
    grads = dict(zip(grads, others, strict=False))
    means = [x / group.size for x in others[len(grads) :]]
    if buffers:
        mean = unflatten_like(own.buffers, dict(zip(buffers, means, strict=True)))
        own = own._replace(buffers=mean)
    return own._replace(
        loss_sum=before.loss_sum + loss,
        hits=before.hits + xp.astype(hits, before.hits.dtype),
        finite=xp.logical_and(before.finite, xp.isfinite(loss)),
    ), grads


class EarlySums:
    """The sums of the gradients of one backward pass, in pieces that begin when they are full."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._held: Arrays = {}  # in no piece yet
        self._begun: list[tuple[Arrays, Callable[[], Array]]] = []

    def add(self, name: str, grads: Params) -> None:
        """Take the gradients of a layer, as `Context.on_gradients` does."""
        self._held |= flatten(grads, f"{name}.")
        if sum(math.prod(g.shape) for g in self._held.values()) >= PIECE:
            self._begin()

    def finish(self) -> Arrays:
        """Wait for all sums; return them by path."""
        self._begin()
        sums: Arrays = {}
        for held, wait in self._begun:
            sums |= zip(held, _split(wait(), list(held.values())), strict=True)
        return sums

    def _begin(self) -> None:
        if self._held:
            arrays = list(self._held.values())
            xp = namespace(arrays[0])
            flat = xp.concat([xp.reshape(x, (-1,)) for x in arrays])
            self._begun.append((self._held, self._group.begin_sum(flat)))
            self._held = {}


def _joined(group: Group, parts: Sequence[Array], like: Array) -> Array:
    """Return arrays one after another as one flat array, in memory that the group lends if it does.

    like: an array of their dtype.
    """
    xp, sizes = namespace(like), [math.prod(part.shape) for part in parts]
    flat = group.lend(sum(sizes), like)
    if flat is None:
        return xp.concat([xp.reshape(part, (-1,)) for part in parts])
    start = 0
    for part, size in zip(parts, sizes, strict=True):
        xp.reshape(flat[start : start + size], part.shape)[...] = part  # a view
        start += size
    return flat


def _split(flat: Array, parts: Sequence[Array]) -> list[Array]:
    """Return a flat array as arrays of the shapes of `parts`, in their order."""
    xp, start, found = namespace(flat), 0, []
    for part in parts:
        end = start + math.prod(part.shape)
        found.append(xp.reshape(flat[start:end], part.shape))
        start = end
    return found
