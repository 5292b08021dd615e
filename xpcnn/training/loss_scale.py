"""Loss scaling: gradients that would vanish in float16, whose smallest number is 6e-8, are kept.

The loss is multiplied by a scale before the backward pass, and the gradients are divided by it in
float32 after it. Where a gradient is not finite, because the scale was too large, the update is
skipped and the scale halved; after `GROW_AFTER` updates without that it is doubled. An update that
is skipped changes neither weights nor the optimizer's state, and does not count as one of its
steps. The decision is taken on the device, from the gradients of all processes of a group, so that
all skip it or none. bfloat16 has the range of float32 and needs no scale.

The scale, the updates since it last changed and the number of skipped ones are 0-d arrays, part of
`Progress` and so of a checkpoint: empty for other dtypes.
Source: Micikevicius et al. 2018, arXiv:1710.03740, section 3.2.
"""

from collections.abc import Sequence

import numpy

from xpcnn import ops
from xpcnn.network import Network
from xpcnn.training.recipe import Arrays
from xpcnn.types import Array

FIRST = {"scale": 2.0**16, "since": 0.0, "skipped": 0.0}
"""The state before the first update."""

GROW_AFTER = 2000
LARGEST = 2.0**24
"""The scale that makes a gradient of 6e-8 one of 1; gradients of zero would double it for ever."""

COLLAPSED = 1.0
"""Below this scale gradients overflow that are not scaled up: training has diverged."""


def first_scale(network: Network) -> Arrays:
    """Return the state before the first update; none where no gradient is scaled."""
    if network.compute_dtype != "float16":
        return {}
    to_device = network.backend.from_host
    return {name: to_device(numpy.asarray(x, network.dtype)) for name, x in FIRST.items()}


def unscaled(scaling: Arrays, grads: Arrays) -> tuple[Arrays, Array]:
    """Return gradients without the scale, and whether all are finite; see `ops.unscaled`."""
    good, *without = ops.unscaled(scaling["scale"], *grads.values())
    return dict(zip(grads, without, strict=True)), good


def kept_if(good: Array, new: Sequence[Arrays], old: Sequence[Arrays]) -> list[Arrays]:
    """Return new arrays where the update is good, and the old ones where it is skipped.

    new, old: as many dictionaries, with the same paths.
    """
    arrays = [x for these in new for x in these.values()]
    others = [those[path] for these, those in zip(new, old, strict=True) for path in these]
    kept = iter(ops.kept_if(good, *arrays, *others))
    return [{path: next(kept) for path in these} for these in new]


def next_scale(scaling: Arrays, good: Array) -> Arrays:
    """Return the state after an update."""
    before = (scaling[name] for name in FIRST)
    after = ops.next_scale(*before, good, grow_after=GROW_AFTER, largest=LARGEST)
    return dict(zip(FIRST, after, strict=True))


def is_skipped(before: Arrays, after: Arrays) -> bool:
    """Whether the update between two states was skipped. Waits for the device."""
    return bool(before) and float(after["skipped"]) > float(before["skipped"])


def collapse(scaling: Arrays) -> str | None:
    """Return in words that the scale has collapsed; None if it has not. Waits for the device."""
    if not scaling or float(scaling["scale"]) >= COLLAPSED:
        return None
    skipped = f"{int(scaling['skipped']):,} updates were skipped"
    return f"gradients overflow float16 whatever the loss scale; {skipped}"


def skipped_note(scaling: Arrays, updates: int) -> str | None:
    """Return in words how many updates were skipped; None if none was. Waits for the device."""
    if not scaling or not int(scaling["skipped"]):
        return None
    skipped, scale = int(scaling["skipped"]), float(scaling["scale"])
    return (
        f"float16: {skipped:,} of {updates:,} updates were skipped, as gradients overflowed, and "
        f"the loss scale is now {scale:g}"
    )
