"""Which layers give other bits when they are called again with the same arrays."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.gpu.networks import images, model_of, with_leaves
from xpcnn.backend import Backend
from xpcnn.layers import Context, Layer, LayerPullback
from xpcnn.layers.rebuilding import Wrapper
from xpcnn.models import Preset
from xpcnn.types import Array, Params


@dataclass(frozen=True)
class Watched(Wrapper):
    """A layer that computes everything twice and tells `report` what was not the same."""

    bits: Callable[[Array], bytes]
    report: Callable[[str], None]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, after, back = self.layer.forward(params, buffers, x, ctx)
        again, after_again, back_again = self.layer.forward(params, buffers, x, ctx)
        self._compare(ctx, "output", {"y": y} | after, {"y": again} | after_again)

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, grads = back(dy, want_dx)
            dx_again, grads_again = back_again(dy, want_dx)
            self._compare(ctx, "gradient", {"dx": dx} | grads, {"dx": dx_again} | grads_again)
            return dx, grads

        return y, after, pullback

    def _compare(self, ctx: Context, what: str, first: Params, second: Params) -> None:
        for name, x in first.items():
            if x is not None and self.bits(x) != self.bits(second[name]):
                self.report(f"{ctx.path} {type(self.layer).__name__}: {what} {name}")


def unsteady(found: Preset, backend: Backend, batch: int) -> list[str]:
    """Return the layers of a preset, with what of theirs changes, as seen in one training step."""
    seen: list[str] = []

    def watch(layer: Layer) -> Layer:
        return Watched(layer, lambda x: backend.to_host(x).tobytes(), seen.append)

    model = model_of(replace(found, layers=with_leaves(found.layers, watch)), backend)
    model.fit(images(found.input_shape, found.classes, batch), epochs=1, batch_size=batch)
    return seen
