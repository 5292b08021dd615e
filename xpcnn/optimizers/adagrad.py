"""Adagrad; equal to `torch.optim.Adagrad`."""

from dataclasses import KW_ONLY, dataclass

from xpcnn.optimizers.common import RANGES, Arrays, State, add_l2, by_hand, check_flat
from xpcnn.options import check
from xpcnn.types import Array, namespace


@dataclass(frozen=True)
class Adagrad:
    """Divide each gradient by the root of the sum of all its squares so far.

        g ← g + λ·p
        s ← s + g²                               (s starts at initial_accumulator_value)
        p ← p - lr / (1 + (t - 1)·lr_decay) · g / (√s + ε)       (t is the step, from 1)

    lr: learning rate, at least 0; a schedule multiplies it.
    lr_decay: how fast lr falls, at least 0; 0 for a constant lr.
    initial_accumulator_value: s before the first step, at least 0.
    eps: ε, at least 0.
    weight_decay: λ, at least 0; 0 for none.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.

    State: sum_squares (s).

    Source: Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011.
    """

    lr: float = 1e-2
    _: KW_ONLY
    lr_decay: float = 0.0
    initial_accumulator_value: float = 0.0
    eps: float = 1e-10
    weight_decay: float = 0.0
    decay_all: bool = True

    def __post_init__(self) -> None:
        check(self, **RANGES)

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""
        check_flat("params", params)
        start = self.initial_accumulator_value
        return {
            "sum_squares": {path: namespace(p).full_like(p, start) for path, p in params.items()}
        }

    @by_hand
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        sum_squares: Arrays = {}
        rate = lr / (1.0 + (step - 1.0) * self.lr_decay)
        for path, p in params.items():
            g = add_l2(self, p, grads[path])
            s = sum_squares[path] = state["sum_squares"][path] + g * g
            new[path] = p - rate * g / (namespace(p).sqrt(s) + self.eps)
        return new, {"sum_squares": sum_squares}
