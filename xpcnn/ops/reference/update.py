"""Updates of a parameter by its gradient: what optimizers ask of an array library in one pass.

Array API functions only; writes into no array. Not differentiated, so there is no pullback.
"""

from xpcnn.types import Array, namespace


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


def adam_update(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    rate: Array,
    root: Array,
    *,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple[Array, Array, Array]:
    """Return a parameter and its moments m and v after a step of Adam.

        m ← β₁·m + (1 - β₁)·g;  v ← β₂·v + (1 - β₂)·g²;  p ← p - rate·m / (√v / root + ε)

    Args:
        p, g, m, v: parameter, gradient, moments, of one shape and dtype.
        rate: lr / (1 - β₁ᵗ), 0-d. root: √(1 - β₂ᵗ), 0-d.
    """
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * (g * g)
    return p - rate * m / (namespace(p).sqrt(v) / root + eps), m, v
