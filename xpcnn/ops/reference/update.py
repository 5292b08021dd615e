"""Updates of a parameter by its gradient: what optimizers ask of an array library in one pass.

Array API functions only; writes into no array. Not differentiated, so there is no pullback.
"""

from xpcnn.types import Array


def momentum_update(
    p: Array, g: Array, v: Array, lr: Array, *, momentum: float, nesterov: bool
) -> tuple[Array, Array]:
    """Return a parameter and its velocity after a step: v ← μ·v + g, p ← p - lr·v.

    With `nesterov` p ← p - lr·(g + μ·v). Sources and other forms: `optimizers.SGD`.

    Args:
        p, g, v: parameter, gradient, velocity, of one shape and dtype.
        lr: learning rate, 0-d.
    """
    v = momentum * v + g
    return p - lr * (g + momentum * v if nesterov else v), v
