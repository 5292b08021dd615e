"""RAdam: Adam without its large first steps; equal to `torch.optim.RAdam`."""

from dataclasses import KW_ONLY, dataclass

from xpcnn.optimizers.adam import one_minus_power
from xpcnn.optimizers.common import RANGES, Arrays, State, by_hand, decayed, zeros
from xpcnn.options import check
from xpcnn.types import Array, namespace


@dataclass(frozen=True)
class RAdam:
    """Adam that divides by the root of v only once v averages enough gradients.

        g ← g + λ·p                          (decoupled: p ← (1 - lr·λ)·p instead)
        m ← β₁·m + (1 - β₁)·g
        v ← β₂·v + (1 - β₂)·g²
        m̂ = m / (1 - β₁ᵗ)                    (t is the step, from 1)
        ρ = 2 / (1 - β₂) - 1,  ρₜ = ρ - 2·t·β₂ᵗ / (1 - β₂ᵗ)      (how many gradients v averages)
        r = √((ρₜ - 4)·(ρₜ - 2)·ρ / ((ρ - 4)·(ρ - 2)·ρₜ))
        p ← p - lr·m̂·r·√(1 - β₂ᵗ) / (√v + ε)                     (ρₜ ≤ 5: p ← p - lr·m̂)

    The first five steps are those of momentum; then r rises from 0 towards 1, a warm-up without an
    option. In float32, ρₜ is the difference of two numbers near ρ: r has an error of up to 2e-4 in
    the first ten steps.

    lr: learning rate, at least 0; a schedule multiplies it.
    beta1, beta2: β₁ and β₂, in [0, 1); the closer to 1, the longer the average. With β₂ of at most
        2/3, ρₜ never exceeds 5.
    eps: ε, at least 0.
    weight_decay: λ, at least 0; 0 for none.
    decoupled: whether weight decay multiplies p directly instead of being added to g.
    decay_all: False to apply weight decay only to parameters of rank 2 and more: not to biases,
        batch norm parameters and PReLU slopes.

    State: m, v.

    Source: Liu et al., "On the variance of the adaptive learning rate and beyond", 2020,
    algorithm 2, with ε, and with the bound 5 of the authors' code instead of 4.
    """

    lr: float = 1e-3
    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False
    decay_all: bool = True

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
        rate = lr / one_minus_power(self.beta1, step)
        is_enough, rectified = self._rectification(step)
        for path, p in params.items():
            xp = namespace(p)
            p, g = decayed(self, p, grads[path], lr)
            m = self.beta1 * state["m"][path] + (1.0 - self.beta1) * g
            v = self.beta2 * state["v"][path] + (1.0 - self.beta2) * (g * g)
            after["m"][path], after["v"][path] = m, v
            # eps may be 0 where v is
            divisor = xp.where(is_enough, xp.sqrt(v) + self.eps, xp.ones_like(v))
            new[path] = p - rate * m * (rectified / divisor)
        return new, after

    def _rectification(self, step: Array) -> tuple[Array, Array]:
        """Return whether ρₜ > 5, and r·√(1 - β₂ᵗ), or 1 where it is not: 0-d arrays."""
        xp = namespace(step)
        rho = 2.0 / (1.0 - self.beta2) - 1.0
        known = one_minus_power(self.beta2, step)
        length = rho - 2.0 * step * ((1.0 - known) / known)  # ρₜ
        is_enough = length > 5.0
        if rho <= 5.0:  # and ρₜ < ρ
            return is_enough, xp.ones_like(step)
        length = xp.where(is_enough, length, xp.full_like(step, 5.0))  # a root of no negative
        r = (length - 4.0) * (length - 2.0) / length * (rho / ((rho - 4.0) * (rho - 2.0)))
        return is_enough, xp.where(is_enough, xp.sqrt(r * known), xp.ones_like(step))
