"""The activation layer with a parameter."""

from dataclasses import dataclass

from xpcnn import ops
from xpcnn.initializers import Constant, Draw, Initializer
from xpcnn.layers.base import Context
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class PReLU:
    """Leaky ReLU with a learnt slope per channel: y = x where x > 0, otherwise slope[c] * x.

    slope_init: initializer of the slopes.

    Parameter: slope (c,).
    Backward and source: `help(xpcnn.ops.prelu)`.
    """

    slope_init: Initializer = Constant(0.25)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {"slope": draw("slope", self.slope_init, shape[:1])}, {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, back = ops.prelu(x, params["slope"])

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, dslope = back(dy, (want_dx, True))
            return dx, {"slope": dslope}

        return y, {}, pullback
