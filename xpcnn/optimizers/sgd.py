"""Stochastic gradient descent, with momentum or Nesterov momentum; equal to `torch.optim.SGD`.

Rejects Nesterov momentum without momentum or with dampening, which has no meaning.
"""

from dataclasses import KW_ONLY, dataclass

from xpcnn.errors import ConfigError, hint
from xpcnn.ops.dispatch import with_kernel
from xpcnn.optimizers.common import RANGES, Arrays, State, by_hand, decayed, zeros
from xpcnn.options import check
from xpcnn.types import Array, namespace


@dataclass(frozen=True)
class SGD:
    """Step against the gradient g of the loss, or against its running sum, the velocity v.

        g ← g + λ·p                  (decoupled: p ← (1 - lr·λ)·p instead)
        v ← μ·v + (1 - d)·g          (v = g in the first step)
        p ← p - lr·v                 (Nesterov: p ← p - lr·(g + μ·v); no momentum: p ← p - lr·g)

    Other forms of momentum: v ← μ·v - lr·g, p ← p + v is equivalent while lr is constant; the
    moving average v ← β·v + (1 - β)·g is momentum μ = β with the learning rate lr·(1 - β).

    lr: learning rate, at least 0; a schedule multiplies it.
    momentum: μ, in [0, 1); 0 for none.
    dampening: d, in [0, 1).
    nesterov: whether to look one step of momentum ahead; needs momentum, and dampening 0.
    weight_decay: λ, at least 0; 0 for none.
    decoupled: whether weight decay multiplies p directly instead of being added to g.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.

    State: velocity (v), with momentum.

    Sources: Polyak, 1964; Nesterov in the form of Sutskever et al., "On the importance of
    initialization and momentum in deep learning", 2013, with lr outside v.

    Kernels: C, CUDA.
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
        check(self, **RANGES)
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

    @by_hand
    @with_kernel("sgd")
    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after this step."""
        new: Arrays = {}
        velocity: Arrays = {}
        for path, p in params.items():
            p, g = decayed(self, p, grads[path], lr)
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
