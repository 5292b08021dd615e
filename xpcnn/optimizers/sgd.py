"""Stochastic gradient descent, with momentum and Nesterov's; equal to `torch.optim.SGD`.

Refuses Nesterov without momentum or with dampening, which has no meaning.
"""

from dataclasses import KW_ONLY, dataclass

from xpcnn.errors import ConfigError, hint
from xpcnn.ops.dispatch import with_kernel
from xpcnn.optimizers.common import Arrays, State, add_l2, shrink, zeros
from xpcnn.options import FRACTION, NON_NEGATIVE, check
from xpcnn.types import Array, namespace


@dataclass(frozen=True)
class SGD:
    """Step against the gradient g of the loss, or against its running sum, the velocity v.

        g ← g + λ·p                  (decoupled: p ← (1 - lr·λ)·p instead)
        v ← μ·v + (1 - d)·g          (the first: v = g; μ momentum, d dampening)
        p ← p - lr·v                 (Nesterov: p ← p - lr·(g + μ·v); no momentum: p ← p - lr·g)

    Other forms of momentum. v ← μ·v - lr·g, p ← p + v is the same while lr is constant. The moving
    average v ← β·v + (1 - β)·g is plain momentum μ = β with lr·(1 - β).

    Sources: Polyak, 1964; Nesterov in the form of Sutskever et al., "On the importance of
    initialization and momentum in deep learning", 2013, with lr outside v.

    State: velocity, where there is momentum.
    """

    lr: float = 1e-3
    _: KW_ONLY
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    decoupled: bool = False
    decay_all: bool = True

    def __post_init__(self) -> None:
        check(
            self,
            lr=NON_NEGATIVE,
            momentum=FRACTION,
            dampening=FRACTION,
            weight_decay=NON_NEGATIVE,
        )
        if self.nesterov and (self.momentum == 0.0 or self.dampening > 0.0):
            raise ConfigError(
                hint(
                    "SGD: nesterov needs momentum above 0 and dampening 0, got "
                    f"momentum={self.momentum:g}, dampening={self.dampening:g}",
                    "SGD(momentum=0.9, nesterov=True)",
                )
            )

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""
        return {"velocity": zeros(params)} if self.momentum else {}

    @with_kernel("sgd")
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        velocity: Arrays = {}
        for path, p in params.items():
            g = grads[path]
            if self.decoupled:
                p = shrink(self, p, lr)
            else:
                g = add_l2(self, p, g)
            if self.momentum:
                v = self.momentum * state["velocity"][path] + self._share(step) * g
                velocity[path] = v
                g = g + self.momentum * v if self.nesterov else v
            new[path] = p - lr * g
        return new, {"velocity": velocity} if self.momentum else {}

    def _share(self, step: Array) -> Array | float:
        """Return 1 - d, but 1 in the first step, as PyTorch does."""
        if self.dampening == 0.0:
            return 1.0
        return 1.0 - self.dampening * namespace(step).astype(step > 1.0, step.dtype)
