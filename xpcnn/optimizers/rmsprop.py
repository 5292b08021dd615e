"""RMSprop; equal to `torch.optim.RMSprop`."""

from dataclasses import KW_ONLY, dataclass

from xpcnn.optimizers.common import RANGES, Arrays, State, add_l2, by_hand, zeros
from xpcnn.options import check
from xpcnn.types import Array, namespace


@dataclass(frozen=True)
class RMSprop:
    """Divide each gradient by the root of a moving average of its squares.

        g ← g + λ·p
        s ← α·s + (1 - α)·g²
        a ← α·a + (1 - α)·g              (centered only: the moving average of the gradient itself)
        u = g / (√s + ε)                 (centered: √(s - a²), the standard deviation, for √s)
        v ← μ·v + u,  p ← p - lr·v       (no momentum: p ← p - lr·u)

    lr: learning rate, at least 0; a schedule multiplies it.
    alpha: α, in [0, 1); the closer to 1, the longer the average.
    eps: ε, at least 0.
    momentum: μ, in [0, 1); 0 for none.
    centered: whether to divide by the standard deviation instead of the root mean square.
    weight_decay: λ, at least 0; 0 for none.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.

    State: mean_square (s); mean_grad (a) if centered; velocity (v) with momentum.

    Sources: Hinton, "Neural networks for machine learning", lecture 6e, 2012; centered: Graves,
    "Generating sequences with recurrent neural networks", 2013, equations 38 to 41.
    """

    lr: float = 1e-2
    _: KW_ONLY
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0
    decay_all: bool = True

    def __post_init__(self) -> None:
        check(self, **RANGES)

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""
        return {name: zeros(params) for name in self._names()}

    @by_hand
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        after: State = {name: {} for name in self._names()}
        for path, p in params.items():
            xp = namespace(p)
            g = add_l2(self, p, grads[path])
            s = self.alpha * state["mean_square"][path] + (1.0 - self.alpha) * (g * g)
            after["mean_square"][path] = s
            if self.centered:
                a = self.alpha * state["mean_grad"][path] + (1.0 - self.alpha) * g
                after["mean_grad"][path] = a
                # rounding can leave a variance just below 0 when g is constant
                s = xp.maximum(s - a * a, xp.zeros_like(s))
            u = g / (xp.sqrt(s) + self.eps)
            if self.momentum:
                u = self.momentum * state["velocity"][path] + u
                after["velocity"][path] = u
            new[path] = p - lr * u
        return new, after

    def _names(self) -> list[str]:
        """Return the names of the state."""
        return (
            ["mean_square"] + ["mean_grad"] * self.centered + ["velocity"] * (self.momentum > 0.0)
        )
