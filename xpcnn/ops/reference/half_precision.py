"""What training in half precision adds to a step: the definition of the ops. Not differentiated.

Array API functions only; writes into no array, reads no value. Source of the loss scale:
Micikevicius et al. 2018, arXiv:1710.03740, section 3.2.
"""

from typing import Any

from xpcnn.types import Array, namespace


def converted(*arrays: Array, dtype: Any) -> tuple[Array, ...]:
    """Return arrays in another dtype.

    Args:
        arrays: of any shapes, of one floating dtype.
        dtype: floating, of their library.

    Kernels: CUDA.
    """
    return tuple(namespace(x).astype(x, dtype) for x in arrays)


def unscaled(scale: Array, *grads: Array) -> tuple[Array, ...]:
    """Return whether the loss scale and all gradients are finite, and the gradients without it.

        good = isfinite(scale) and all of isfinite(g)      g / scale, or 0 where not good

    Gradients of 0 keep the rest of the update finite, whose result is then dropped.

    Args:
        scale: 0-d.
        grads: of any shapes, of the dtype of scale.

    Returns:
        good, 0-d bool on their device, and new gradients.

    Kernels: CUDA.
    """
    xp = namespace(scale)
    good = xp.isfinite(scale)
    for g in grads:
        good = xp.logical_and(good, xp.all(xp.isfinite(g)))
    return good, *(xp.where(good, g / scale, xp.zeros_like(g)) for g in grads)


def kept_if(good: Array, *arrays: Array) -> tuple[Array, ...]:
    """Return the first half of the arrays where an update is good, the second where it is not.

    Args:
        good: 0-d bool.
        arrays: new ones, and as many old ones of the same shapes and dtype.

    Kernels: CUDA.
    """
    xp, middle = namespace(good), len(arrays) // 2
    pairs = zip(arrays[:middle], arrays[middle:], strict=True)
    return tuple(xp.where(good, new, old) for new, old in pairs)


def next_scale(
    scale: Array, since: Array, skipped: Array, good: Array, *, grow_after: int, largest: float
) -> tuple[Array, Array, Array]:
    """Return the loss scale after an update, and two counters: see the arguments.

    After an update that is not good the scale is halved. After `grow_after` good ones since it
    last changed it is doubled, if it is below `largest`.

    Args:
        scale: 0-d.
        since: updates since the scale last changed, or would have; 0-d, of the dtype of scale.
        skipped: updates that were not good, likewise.
        good: 0-d bool.
        grow_after, largest: numbers.

    Kernels: CUDA.
    """
    xp = namespace(good)
    zero = xp.zeros_like(scale)
    updates = xp.where(good, since + 1.0, zero)
    grows = updates >= grow_after
    larger = xp.where(scale < largest, 2.0 * scale, scale)
    return (
        xp.where(good, xp.where(grows, larger, scale), 0.5 * scale),
        xp.where(grows, zero, updates),
        skipped + xp.where(good, zero, xp.ones_like(scale)),
    )
