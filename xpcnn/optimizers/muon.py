"""Muon: momentum whose steps are orthogonal matrices; equal to `torch.optim.Muon`.

PyTorch computes the orthogonal matrix in bfloat16, this file in the dtype of the parameters.
"""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

from xpcnn.errors import ConfigError, hint, nearest
from xpcnn.optimizers.adam import AdamW
from xpcnn.optimizers.common import RANGES, Arrays, State, by_hand, check_flat, norm, shrink, zeros
from xpcnn.options import COUNT, FINITE, POSITIVE, check, number, shown
from xpcnn.types import Array, Shape, namespace

ADJUSTMENTS = ("match_rms_adamw", "original")


@dataclass(frozen=True)
class Muon:
    """Step along an orthogonal matrix near the momentum of each weight; AdamW for biases and norms.

        v ← μ·v + (1 - μ)·g
        u = (1 - μ)·g + μ·v                      (not nesterov: u = v)
        x = u / max(‖u‖, ε)                      (as a matrix, at least as wide as high)
        x ← a·x + (b·A + c·A²)·x,  A = x xᵀ      (ns_steps times)
        p ← (1 - lr·λ)·p - lr·s·x

    The iteration (of Newton and Schulz) brings all singular values near 1, so that every direction
    of a weight learns at the same speed. A filter bank (out, in, kh, kw) is the matrix (out,
    in·kh·kw). Parameters of rank 1 or less (biases, norms) take the steps of AdamW, with lr, λ and
    β₁ = 0.9, β₂ = 0.999.

    lr: learning rate, at least 0; a schedule multiplies it. With "match_rms_adamw", values that
        suit AdamW suit Muon.
    momentum: μ, in [0, 1).
    nesterov: whether to look one step of momentum ahead.
    adjust: the factor s. "match_rms_adamw": 0.2·√(larger side of the matrix), which gives steps the
        size of AdamW's; "original": √(out / in), at least 1.
    ns_steps: number of iterations, at least 1.
    ns_coefficients: a, b, c.
    eps: ε, above 0.
    weight_decay: λ, at least 0; 0 for none.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.

    State: velocity (v) of weights; m and v, as in `AdamW`, of other parameters.

    Sources: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et
    al., "Muon is scalable for LLM training", 2025, equation 4 (match_rms_adamw).
    """

    lr: float = 1e-3
    _: KW_ONLY
    momentum: float = 0.95
    nesterov: bool = True
    adjust: Literal["match_rms_adamw", "original"] = "match_rms_adamw"
    ns_steps: int = 5
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)
    eps: float = 1e-7
    weight_decay: float = 0.1
    decay_all: bool = True

    def __post_init__(self) -> None:
        check(self, **{**RANGES, "ns_steps": COUNT, "eps": POSITIVE})
        if self.adjust not in ADJUSTMENTS:
            message = f"Muon: unknown adjust {self.adjust!r}"
            raise ConfigError(hint(message, nearest(str(self.adjust), ADJUSTMENTS)))
        object.__setattr__(self, "ns_coefficients", _coefficients(self.ns_coefficients))

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""
        check_flat("params", params)
        weights, others = _split(params)
        return {"velocity": zeros(weights), **self._other().init(others)}

    @by_hand
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        velocity: Arrays = {}
        weights, others = _split(params)
        for path, p in weights.items():
            share = (1.0 - self.momentum) * grads[path]
            v = velocity[path] = self.momentum * state["velocity"][path] + share
            x = self._orthogonal(share + self.momentum * v if self.nesterov else v)
            new[path] = shrink(self, p, lr) - (lr * self._factor(p.shape)) * x
        held = {name: arrays for name, arrays in state.items() if name != "velocity"}
        if others:
            moved, held = self._other().update(others, grads, held, lr, step)
            new |= moved
        return {path: new[path] for path in params}, {"velocity": velocity, **held}

    def _orthogonal(self, u: Array) -> Array:
        """Return a matrix near the orthogonal one with the singular vectors of u, in u's shape."""
        xp = namespace(u)
        a, b, c = self.ns_coefficients
        length = norm(u)
        x = xp.reshape(u, (u.shape[0], -1)) / xp.maximum(length, xp.full_like(length, self.eps))
        is_high = x.shape[0] > x.shape[1]
        x = xp.matrix_transpose(x) if is_high else x
        for _ in range(self.ns_steps):
            gram = x @ xp.matrix_transpose(x)
            x = a * x + (b * gram + c * (gram @ gram)) @ x
        return xp.reshape(xp.matrix_transpose(x) if is_high else x, u.shape)

    def _factor(self, shape: Shape) -> float:
        """Return s for a weight (in, out), or (out, in, ...)."""
        rows, columns = shape[0], math.prod(shape[1:])
        if self.adjust == "match_rms_adamw":
            return 0.2 * math.sqrt(max(rows, columns))
        return math.sqrt(max(1.0, columns / rows if len(shape) == 2 else rows / columns))

    def _other(self) -> AdamW:
        """Return the optimizer of parameters of rank 1 or less."""
        return AdamW(self.lr, weight_decay=self.weight_decay, decay_all=self.decay_all)


def _split(params: Arrays) -> tuple[Arrays, Arrays]:
    """Return the weights, of rank 2 or more, and the other parameters."""
    weights = {path: p for path, p in params.items() if p.ndim > 1}
    return weights, {path: p for path, p in params.items() if p.ndim <= 1}


def _coefficients(given: Any) -> tuple[float, ...]:
    """Return three finite numbers as floats."""
    advice = "Muon(ns_coefficients=(3.4445, -4.775, 2.0315))"
    if not isinstance(given, list | tuple) or len(given) != 3:
        message = f"Muon: ns_coefficients is {shown(given)}, expected three numbers"
        raise ConfigError(hint(message, advice))
    return tuple(number("Muon", "ns_coefficients", x, FINITE, advice) for x in given)
