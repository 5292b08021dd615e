"""NAdam: Adam with Nesterov momentum; equal to `torch.optim.NAdam`."""

import math
from dataclasses import KW_ONLY, dataclass

from xpcnn.optimizers.adam import one_minus_power
from xpcnn.optimizers.common import RANGES, Arrays, State, by_hand, check_flat, decayed, zeros
from xpcnn.options import check
from xpcnn.types import Array, device, namespace


@dataclass(frozen=True)
class NAdam:
    """Adam that looks one step of its momentum ahead, with a momentum that grows to β₁.

        g ← g + λ·p                          (decoupled: p ← (1 - lr·λ)·p instead)
        μₜ = β₁·(1 - ½·0.96^(t·ψ))           (t is the step, from 1)
        Π ← Π·μₜ                             (Π starts at 1)
        m ← β₁·m + (1 - β₁)·g
        v ← β₂·v + (1 - β₂)·g²
        p ← p - lr · (μₜ₊₁·m / (1 - Π·μₜ₊₁) + (1 - μₜ)·g / (1 - Π)) / (√(v / (1 - β₂ᵗ)) + ε)

    lr: learning rate, at least 0; a schedule multiplies it.
    beta1, beta2: β₁ and β₂, in [0, 1); the closer to 1, the longer the average.
    eps: ε, at least 0.
    momentum_decay: ψ, at least 0; the larger, the sooner μₜ reaches β₁.
    weight_decay: λ, at least 0; 0 for none.
    decoupled: whether weight decay multiplies p directly instead of being added to g.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.

    State: m, v; mu_product (Π), one number for each parameter.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    lr: float = 2e-3
    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    momentum_decay: float = 4e-3
    weight_decay: float = 0.0
    decoupled: bool = False
    decay_all: bool = True

    def __post_init__(self) -> None:
        check(self, **RANGES)

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""
        check_flat("params", params)
        ones = {
            path: namespace(p).ones((), dtype=p.dtype, device=device(p))
            for path, p in params.items()
        }
        return {"m": zeros(params), "v": zeros(params), "mu_product": ones}

    @by_hand
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        after: State = {name: {} for name in state}
        mu, ahead = self._momentum(step), self._momentum(step + 1.0)
        root = namespace(step).sqrt(one_minus_power(self.beta2, step))
        for path, p in params.items():
            p, g = decayed(self, p, grads[path], lr)
            m = self.beta1 * state["m"][path] + (1.0 - self.beta1) * g
            v = self.beta2 * state["v"][path] + (1.0 - self.beta2) * (g * g)
            product = state["mu_product"][path] * mu
            after["m"][path], after["v"][path], after["mu_product"][path] = m, v, product
            u = (ahead / (1.0 - product * ahead)) * m + ((1.0 - mu) / (1.0 - product)) * g
            new[path] = p - lr * u / (namespace(p).sqrt(v) / root + self.eps)
        return new, after

    def _momentum(self, step: Array) -> Array:
        """Return μ of a step."""
        decay = namespace(step).exp((self.momentum_decay * math.log(0.96)) * step)
        return self.beta1 * (1.0 - 0.5 * decay)
