"""Lion: steps of one size, in the direction of the sign of a moving average."""

from dataclasses import KW_ONLY, dataclass

from xpcnn.optimizers.common import RANGES, Arrays, State, by_hand, shrink, zeros
from xpcnn.options import check
from xpcnn.types import Array, namespace


@dataclass(frozen=True)
class Lion:
    """Step by the sign of a moving average of gradients; keep a longer average as state.

        p ← (1 - lr·λ)·p
        p ← p - lr·sign(β₁·m + (1 - β₁)·g)       (sign 0 = 0)
        m ← β₂·m + (1 - β₂)·g

    Every number moves by lr in every step, so lr should be 3 to 10 times smaller, and λ 3 to 10
    times larger, than for AdamW. The state takes half the memory of that of Adam.

    lr: learning rate, at least 0; a schedule multiplies it.
    beta1: β₁, in [0, 1): weight of m in the sign.
    beta2: β₂, in [0, 1): weight of the old m in the new one; the closer to 1, the longer the
        average.
    weight_decay: λ, at least 0; 0 for none.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.

    State: m.

    Source: Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2.
    """

    lr: float = 1e-4
    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0
    decay_all: bool = True

    def __post_init__(self) -> None:
        check(self, **RANGES)

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""
        return {"m": zeros(params)}

    @by_hand
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        after: Arrays = {}
        for path, p in params.items():
            g, m = grads[path], state["m"][path]
            direction = namespace(p).sign(self.beta1 * m + (1.0 - self.beta1) * g)
            new[path] = shrink(self, p, lr) - lr * direction
            after[path] = self.beta2 * m + (1.0 - self.beta2) * g
        return new, {"m": after}
