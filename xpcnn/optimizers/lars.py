"""LARS: SGD with steps in proportion to the norm of each parameter, for large batches."""

from dataclasses import KW_ONLY, dataclass

from xpcnn.optimizers.common import RANGES, Arrays, State, add_l2, by_hand, norm, trust_ratio, zeros
from xpcnn.options import check
from xpcnn.types import Array


@dataclass(frozen=True)
class LARS:
    """Step by a share η of the norm of each parameter, whatever the norm of its gradient.

        r = η·‖p‖ / (‖g‖ + λ·‖p‖ + ε)            (1 where ‖p‖ or ‖g‖ is 0)
        v ← μ·v + lr·r·(g + λ·p)
        p ← p - v

    ‖p‖ is the Euclidean norm of all numbers of one parameter, such as the weights of a layer.

    lr: learning rate, at least 0; a schedule multiplies it. As r multiplies it too, it is larger
        than for SGD: 1 to 30 for batches of thousands.
    momentum: μ, in [0, 1); 0 for none.
    trust: η, above 0: the trust coefficient.
    eps: ε, at least 0.
    weight_decay: λ, at least 0; 0 for none.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.
    adapt_all: True to scale the steps of parameters of rank 1 or less by r too. False means r = 1
        for them: they often begin at or near 0, where scaled steps would be tiny.

    State: velocity (v), with lr inside.

    Source: You, Gitman, Ginsburg, "Large batch training of convolutional networks", 2017,
    algorithm 1; r = 1 for biases and norms as in the authors' code.
    """

    lr: float = 1.0
    _: KW_ONLY
    momentum: float = 0.9
    trust: float = 1e-3
    eps: float = 1e-9
    weight_decay: float = 0.0
    decay_all: bool = True
    adapt_all: bool = False

    def __post_init__(self) -> None:
        check(self, **RANGES)

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""
        return {"velocity": zeros(params)}

    @by_hand
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        velocity: Arrays = {}
        for path, p in params.items():
            g = grads[path]
            rate = lr
            if self.adapt_all or p.ndim > 1:
                p_norm, g_norm = norm(p), norm(g)
                divisor = g_norm + self.weight_decay * p_norm + self.eps
                rate = lr * trust_ratio(self.trust * p_norm, g_norm, divisor)
            v = self.momentum * state["velocity"][path] + rate * add_l2(self, p, g)
            velocity[path] = v
            new[path] = p - v
        return new, {"velocity": velocity}
