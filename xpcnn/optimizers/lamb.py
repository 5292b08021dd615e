"""LAMB: Adam with steps in proportion to the norm of each parameter, for large batches."""

from dataclasses import KW_ONLY, dataclass

from xpcnn.optimizers.adam import one_minus_power
from xpcnn.optimizers.common import RANGES, Arrays, State, add_l2, by_hand, norm, trust_ratio, zeros
from xpcnn.options import check
from xpcnn.types import Array, namespace


@dataclass(frozen=True)
class LAMB:
    """Step in the direction of AdamW, by lr times the norm of each parameter.

        m ← β₁·m + (1 - β₁)·g
        v ← β₂·v + (1 - β₂)·g²
        u = m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε) + λ·p         (t is the step, from 1)
        p ← p - lr·(‖p‖ / ‖u‖)·u                                 (1 where ‖p‖ or ‖u‖ is 0)

    ‖p‖ is the Euclidean norm of all numbers of one parameter, such as the weights of a layer.

    lr: learning rate, at least 0; a schedule multiplies it.
    beta1, beta2: β₁ and β₂, in [0, 1); the closer to 1, the longer the average.
    eps: ε, at least 0.
    weight_decay: λ, at least 0; 0 for none.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.
    adapt_all: True to scale the steps of parameters of rank 1 or less by ‖p‖ / ‖u‖ too. False gives
        them the step of AdamW: they often begin at or near 0, where scaled steps would be tiny.

    State: m, v.

    Source: You et al., "Large batch optimization for deep learning: training BERT in 76 minutes",
    2020, algorithm 2 with φ(z) = z; biases and norms as in the authors' code.
    """

    lr: float = 1e-3
    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-6
    weight_decay: float = 1e-2
    decay_all: bool = True
    adapt_all: bool = False

    def __post_init__(self) -> None:
        check(self, **RANGES)

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""
        return {"m": zeros(params), "v": zeros(params)}

    @by_hand
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        after: State = {"m": {}, "v": {}}
        first = one_minus_power(self.beta1, step)
        root = namespace(step).sqrt(one_minus_power(self.beta2, step))
        for path, p in params.items():
            g = grads[path]
            m = self.beta1 * state["m"][path] + (1.0 - self.beta1) * g
            v = self.beta2 * state["v"][path] + (1.0 - self.beta2) * (g * g)
            after["m"][path], after["v"][path] = m, v
            u = add_l2(self, p, m / first / (namespace(p).sqrt(v) / root + self.eps))
            rate = lr
            if self.adapt_all or p.ndim > 1:
                p_norm, u_norm = norm(p), norm(u)
                rate = lr * trust_ratio(p_norm, u_norm, u_norm)
            new[path] = p - rate * u
        return new, after
