"""Adam and AdamW; equal to `torch.optim.Adam` and `torch.optim.AdamW`."""

import math
from dataclasses import KW_ONLY, dataclass

from xpcnn.ops.dispatch import with_kernel
from xpcnn.optimizers.common import RANGES, Arrays, State, by_hand, decayed, zeros
from xpcnn.options import check
from xpcnn.types import Array, namespace


@dataclass(frozen=True)
class Adam:
    """Divide a moving average of the gradient by the root of a moving average of its square.

        g ← g + λ·p                          (decoupled: p ← (1 - lr·λ)·p instead)
        m ← β₁·m + (1 - β₁)·g
        v ← β₂·v + (1 - β₂)·g²
        p ← p - lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε)      (t is the step, from 1)

    The divisors 1 - βᵗ correct for the start of m and v at zero: they are the sums of the weights
    (1 - β)·βᵗ⁻ⁱ that m and v give to the gradients of steps i = 1 to t.

    lr: learning rate, at least 0; a schedule multiplies it.
    beta1, beta2: β₁ and β₂, in [0, 1); the closer to 1, the longer the average.
    eps: ε, at least 0.
    amsgrad: whether the last line uses the largest v so far instead of v.
    weight_decay: λ, at least 0; 0 for none.
    decoupled: whether weight decay multiplies p directly instead of being added to g.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.

    State: m, v; v_max with amsgrad.

    Sources: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1; Reddi,
    Kale, Kumar, "On the convergence of Adam and beyond", 2018 (amsgrad).

    Kernels: C, CUDA.
    """

    lr: float = 1e-3
    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    amsgrad: bool = False
    weight_decay: float = 0.0
    decoupled: bool = False
    decay_all: bool = True

    def __post_init__(self) -> None:
        check(self, **RANGES)

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""
        return {name: zeros(params) for name in ["m", "v"] + ["v_max"] * self.amsgrad}

    @by_hand
    @with_kernel("adam")
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        after: State = {name: {} for name in state}
        rate = lr / one_minus_power(self.beta1, step)
        root = namespace(step).sqrt(one_minus_power(self.beta2, step))
        for path, p in params.items():
            xp = namespace(p)
            p, g = decayed(self, p, grads[path], lr)
            m = self.beta1 * state["m"][path] + (1.0 - self.beta1) * g
            v = self.beta2 * state["v"][path] + (1.0 - self.beta2) * (g * g)
            after["m"][path], after["v"][path] = m, v
            if self.amsgrad:
                v = after["v_max"][path] = xp.maximum(state["v_max"][path], v)
            new[path] = p - rate * m / (xp.sqrt(v) / root + self.eps)
        return new, after


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: `Adam` with other defaults.

        p ← (1 - lr·λ)·p, then the update of Adam from the gradient without weight decay

    lr: learning rate, at least 0; a schedule multiplies it.
    beta1, beta2: β₁ and β₂, in [0, 1); the closer to 1, the longer the average.
    eps: ε, at least 0.
    amsgrad: whether to divide by the root of the largest v so far instead of v.
    weight_decay: λ, at least 0; 0 for none.
    decoupled: True; with False the optimizer is `Adam`.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.

    State: m, v; v_max with amsgrad.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.

    Kernels: C, CUDA.
    """

    weight_decay: float = 1e-2
    decoupled: bool = True


def one_minus_power(beta: float, step: Array) -> Array:
    """Return 1 - βᵗ as -expm1(t·log β): in float32 the plain form loses 4 digits at β = 0.999."""
    log_beta = math.log(beta) if beta > 0.0 else -math.inf
    return -namespace(step).expm1(step * log_beta)
