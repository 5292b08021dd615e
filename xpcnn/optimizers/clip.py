"""Clipping of gradients, on the device: pure functions that read no value on the host."""

from xpcnn.optimizers.common import Arrays, check_flat
from xpcnn.options import POSITIVE, number
from xpcnn.types import namespace


def clip_by_global_norm(grads: Arrays, max_norm: float) -> Arrays:
    """Scale all gradients by one factor so that their joint Euclidean norm is at most `max_norm`.

        g ← g · min(1, max_norm / (‖all g‖ + 1e-6))

    The 1e-6 is that of `torch.nn.utils.clip_grad_norm_`.

    grads: gradients by path.
    max_norm: above 0.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks",
    2013, algorithm 1.
    """
    check_flat("grads", grads)
    max_norm = number(
        "clip_by_global_norm", "max_norm", max_norm, POSITIVE, "max_norm=1.0, or no clipping"
    )
    if not grads:
        return {}
    xp = namespace(next(iter(grads.values())))
    norm = xp.sqrt(sum(xp.sum(g * g) for g in grads.values()))  # 0-d
    factor = max_norm / (norm + 1e-6)
    factor = xp.minimum(factor, xp.ones_like(factor))
    return {path: factor * g for path, g in grads.items()}


def clip_by_value(grads: Arrays, limit: float) -> Arrays:
    """Limit every element of every gradient to [-limit, limit]; NaN stays NaN.

    grads: gradients by path.
    limit: above 0.
    """
    check_flat("grads", grads)
    limit = number("clip_by_value", "limit", limit, POSITIVE, "limit=1.0, or no clipping")
    clipped: Arrays = {}
    for path, g in grads.items():
        xp = namespace(g)
        # not xp.clip: on some libraries it selects by mask, which waits for the device
        low, high = xp.full_like(g, -limit), xp.full_like(g, limit)
        clipped[path] = xp.minimum(xp.maximum(g, low), high)
    return clipped
