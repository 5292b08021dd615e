"""Sequential: networks out of layers. Composing pullbacks is the whole graph engine.

A container nests the parameters of its children under their names, and is a layer itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from typing import Any, TypeAlias

from xpcnn.errors import XpcnnError
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer, no_gradient
from xpcnn.layers.children import Trace, check_layers, forward_child, init_child, start_of_trace
from xpcnn.layers.fuse import IN_INFERENCE, IN_TRAINING, Fused, Result, Table, fusion
from xpcnn.layers.printed import Printed
from xpcnn.options import check
from xpcnn.types import Array, LayerPullback, Params, Shape, flatten

Stage: TypeAlias = tuple[Sequence[tuple[str, Layer]], Fused | None]
"""Layers in a row with their names, and the function that runs them as one op; None for one."""


@dataclass(frozen=True)
class Sequential(Printed):
    """Layers one after another: y = f_k(... f_2(f_1(x))).

    Backward is the chain rule: the gradient of the output goes through the pullbacks in reverse
    order. Without fusion, `want_dx` and the paths in error messages, `forward` is this loop:

        def forward(params, buffers, x, ctx):
            pullbacks = []
            for name, layer in network.children():
                x, buffers[name], pullback = layer.forward(params[name], buffers[name], x, ctx)
                pullbacks.append((name, pullback))

            def backward(dy):
                grads = {}
                for name, pullback in reversed(pullbacks):
                    dy, grads[name] = pullback(dy)
                return dy, grads

            return x, buffers, backward

    layers: a list of layers, at least one; they are named `layers.0`, `layers.1`, ... and are
        `network[0]`, `network[1]`, ...
    fuse: whether layers in a row that match an entry of `layers/fuse.py` run as one op; results are
        equal in training, and equal to rounding in inference.

    Raises:
        ConfigError: `layers` is empty, or an entry is not a layer.
    """

    layers: Sequence[Layer]
    _: KW_ONLY
    fuse: bool = True

    def __post_init__(self) -> None:
        check_layers("Sequential", self.layers)
        check(self)
        object.__setattr__(self, "layers", tuple(self.layers))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), fuse=self.fuse), (self.layers,)  # stages hold functions

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers by name, in order."""
        for i, layer in enumerate(self.layers):
            yield f"layers.{i}", layer

    def before_last(self) -> "tuple[Sequential, str, Layer] | None":
        """Return the layers before the last, its name and itself; None if nothing may be fused."""
        if type(self) is not Sequential or not self.fuse or len(self.layers) < 2:
            return None
        *_, (name, last) = self.children()
        return Sequential(self.layers[:-1]), name, last

    @cached_property
    def _stages(self) -> list[Stage]:
        return self._staged(IN_TRAINING)

    @cached_property
    def _stages_in_inference(self) -> list[Stage]:
        return self._staged(IN_INFERENCE)

    def _staged(self, table: Table) -> list[Stage]:
        """Return the layers in groups, each of one layer or of several that run as one op."""
        stages: list[Stage] = []
        named, longest = list(self.children()), max(map(len, table))
        start = 0
        while start < len(named):
            following = self.layers[start : start + longest]
            count, fused = (fusion(following, table) if self.fuse else None) or (1, None)
            stages.append((named[start : start + count], fused))
            start += count
        return stages

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params, buffers, trace = {}, {}, [("", shape)]
        for name, layer in self.children():
            params[name], buffers[name], shape = init_child(name, layer, shape, draw, trace)
            trace.append((type(layer).__name__, shape))
        return params, buffers, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        pullbacks: list[tuple[str, LayerPullback]] = []
        new_buffers: Params = {name: {} for name in buffers}
        trace = start_of_trace(x)
        differentiated = ctx.training or ctx.grad
        for parts, fused in self._stages if differentiated else self._stages_in_inference:
            name, _ = parts[0]
            result = fused and _forward_fused(parts, fused, params, buffers, x, ctx, trace)
            if result is not None:
                new_buffers |= {part: buffers[part] for part, _ in parts[1:]}
                x, new_buffers[name], pullback = result
                trace.append((" + ".join(type(layer).__name__ for _, layer in parts), x.shape))
                if ctx.grad:
                    pullbacks.append((name, pullback))
                del result, pullback  # without gradients, frees the arrays kept for it
                continue
            for name, layer in parts:
                x, new_buffers[name], pullback = forward_child(
                    name, layer, params, buffers, x, ctx, trace
                )
                trace.append((type(layer).__name__, x.shape))
                if ctx.grad:
                    pullbacks.append((name, pullback))
                del pullback
        if not ctx.grad:
            return x, new_buffers, no_gradient

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            grads: Params = {name: {} for name in params}
            # without want_dx, no gradient below the first layer with parameters is needed
            learnt = [i for i, (name, _) in enumerate(pullbacks) if flatten(params[name])]
            first = 0 if want_dx else min(learnt, default=len(pullbacks))
            for i in range(len(pullbacks) - 1, first - 1, -1):
                name, pullback = pullbacks.pop() if ctx.once else pullbacks[i]
                dy, grads[name] = pullback(dy, want_dx or i > first)
                if ctx.on_gradients is not None:
                    ctx.on_gradients(name, grads[name])
            return (dy if want_dx else None), grads

        return x, new_buffers, backward


def _forward_fused(
    parts: Sequence[tuple[str, Layer]],
    fused: Fused,
    params: Params,
    buffers: Params,
    x: Array,
    ctx: Context,
    trace: Trace,
) -> Result | None:
    """Run layers as one op; if it raises an error, run them one by one to name the layer."""
    name, _ = parts[0]
    try:
        own, held = ([tree[part] for part, _ in parts] for tree in (params, buffers))
        return fused(own, held, x, ctx.at(name))
    except XpcnnError:
        for name, layer in parts:
            x, _, _ = forward_child(name, layer, params, buffers, x, ctx, trace)
            trace.append((type(layer).__name__, x.shape))
        raise
