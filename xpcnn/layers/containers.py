"""Containers: networks out of layers. Composing their pullbacks is the whole graph engine.

A container nests the parameters of its children under their names, and is a layer itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass

from xpcnn.errors import ConfigError, ShapeError, XpcnnError, hint, with_context
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer, LayerPullback, no_gradient
from xpcnn.layers.fuse import Fused, fusion
from xpcnn.types import Array, Params, Shape, flatten, namespace


def check_layers(container: str, layers: Sequence[Layer]) -> None:
    """Require a list of layers, at least one."""
    if not isinstance(layers, list | tuple):
        shown = type(layers).__name__
        raise ConfigError(hint(f"{container}: {shown} is no list of layers", f"{container}([...])"))
    if not layers:
        raise ConfigError(f"{container}: no layers")
    for layer in layers:
        if isinstance(layer, type) or not isinstance(layer, Layer):
            shown = f"the class {layer.__name__}" if isinstance(layer, type) else repr(layer)
            raise ConfigError(f"{container}: {shown} is no layer, which has init and forward")


def init_child(
    name: str, layer: Layer, shape: Shape, draw: Draw, trace: Sequence[str] = ()
) -> tuple[Params, Params, Shape]:
    """Initialise a child; an error says at which layer it arose and the shapes up to there."""
    try:
        return layer.init(shape, draw.at(name))
    except XpcnnError as error:
        shapes = " -> ".join(trace or [str(shape)])
        raise with_context(
            error, f"at {draw.at(name).path} ({type(layer).__name__}): {shapes}"
        ) from None


@dataclass(frozen=True)
class Sequential:
    """Layers one after another: y = f_k(... f_2(f_1(x))).

    Backward, the chain rule: the cotangent goes through the pullbacks in reverse order. Children
    are named `layers.0`, `layers.1`, ... With `fuse`, layers that `fuse.py` knows to be one
    op run as one; the results are the same.
    """

    layers: Sequence[Layer]
    _: KW_ONLY
    fuse: bool = True

    def __post_init__(self) -> None:
        check_layers("Sequential", self.layers)
        object.__setattr__(self, "layers", tuple(self.layers))
        fusions = {i: found for i in range(len(self.layers)) if (found := fusion(self.layers[i:]))}
        object.__setattr__(self, "_fusions", fusions if self.fuse else {})

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers by name, in order."""
        for i, layer in enumerate(self.layers):
            yield f"layers.{i}", layer

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params, buffers, trace = {}, {}, [str(shape)]
        for name, layer in self.children():
            params[name], buffers[name], shape = init_child(name, layer, shape, draw, trace)
            trace.append(f"{type(layer).__name__} {shape}")
        return params, buffers, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        pullbacks: list[tuple[str, LayerPullback]] = []
        new_buffers: Params = {}
        fusions: dict[int, tuple[int, Fused]] = vars(self)["_fusions"]
        last = -1  # layer of the fused op before
        for i, (name, layer) in enumerate(self.children()):
            if i <= last:  # part of it
                new_buffers[name], pullback = {}, straight
            elif i in fusions:
                count, run = fusions[i]
                last = i + count - 1
                new_buffers[name] = {}
                x, pullback = run(params[name], x, ctx.at(name))
            else:
                x, new_buffers[name], pullback = layer.forward(
                    params[name], buffers[name], x, ctx.at(name)
                )
            if ctx.grad:
                pullbacks.append((name, pullback))
            del pullback  # without gradients, what the layer kept goes with it
        if not ctx.grad:
            return x, new_buffers, no_gradient

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            grads: Params = {name: {} for name in params}
            # without want_dx, nothing below the first layer with parameters is asked for
            learnt = [i for i, name in enumerate(params) if flatten(params[name])]
            first = 0 if want_dx else min(learnt, default=len(pullbacks))
            for i in range(len(pullbacks) - 1, first - 1, -1):
                name, pullback = pullbacks[i]
                dy, grads[name] = pullback(dy, want_dx or i > first)
            return (dy if want_dx else None), grads

        return x, new_buffers, backward


def straight(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
    """Stand for the pullback of a layer whose part the fused op before it does."""
    return dy, {}


@dataclass(frozen=True)
class Residual:
    """A body with a way around it: y = body(x) + shortcut(x); without a shortcut, body(x) + x.

    Backward: dy goes both ways and the two dx are added. Children: `body`, `shortcut`.
    Source: He et al. 2015, arXiv:1512.03385.
    """

    body: Layer
    shortcut: Layer | None = None

    def __post_init__(self) -> None:
        check_layers("Residual", [layer for _, layer in self.children()])

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers by name."""
        yield "body", self.body
        if self.shortcut is not None:
            yield "shortcut", self.shortcut

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params, buffers, out = {}, {}, {"shortcut": shape}
        for name, layer in self.children():
            params[name], buffers[name], out[name] = init_child(name, layer, shape, draw)
        if out["body"] != out["shortcut"]:
            raise ShapeError(
                f"Residual: the body makes {out['body']} and the shortcut {out['shortcut']}, "
                "which cannot be added"
            )
        return params, buffers, out["body"]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        pullbacks: dict[str, LayerPullback] = {}
        outputs: list[Array] = []
        new_buffers: Params = {}
        for name, layer in self.children():
            y, new_buffers[name], pullback = layer.forward(
                params[name], buffers[name], x, ctx.at(name)
            )
            outputs.append(y)
            if ctx.grad:
                pullbacks[name] = pullback
            del pullback  # without gradients, what the layer kept goes with it
        y = outputs[0] + (outputs[1] if self.shortcut is not None else x)
        if not ctx.grad:
            return y, new_buffers, no_gradient

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx = dy if self.shortcut is None else None
            grads: Params = {}
            for name, pullback in pullbacks.items():
                part, grads[name] = pullback(dy, want_dx)
                if want_dx:
                    dx = part if dx is None else dx + part
            return (dx if want_dx else None), grads

        return y, new_buffers, backward


@dataclass(frozen=True)
class Concat:
    """Branches side by side on one input: y = [branch_0(x), branch_1(x), ...] along the channels.

    Backward: every branch takes its own channels of dy; the dx are added. Children are named
    `branches.0`, `branches.1`, ...
    """

    branches: Sequence[Layer]

    def __post_init__(self) -> None:
        check_layers("Concat", self.branches)
        object.__setattr__(self, "branches", tuple(self.branches))

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers by name, in order."""
        for i, layer in enumerate(self.branches):
            yield f"branches.{i}", layer

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params, buffers, outs = {}, {}, []
        for name, layer in self.children():
            params[name], buffers[name], out = init_child(name, layer, shape, draw)
            outs.append(out)
        if any(out[1:] != outs[0][1:] for out in outs):
            raise ShapeError(
                f"Concat: the branches make {', '.join(map(str, outs))}, which differ in more than "
                "the channels"
            )
        return params, buffers, (sum(out[0] for out in outs), *outs[0][1:])

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        pullbacks: list[tuple[str, int, LayerPullback]] = []
        outputs: list[Array] = []
        new_buffers: Params = {}
        for name, layer in self.children():
            y, new_buffers[name], pullback = layer.forward(
                params[name], buffers[name], x, ctx.at(name)
            )
            outputs.append(y)
            if ctx.grad:
                pullbacks.append((name, y.shape[1], pullback))
            del pullback  # without gradients, what the layer kept goes with it
        y = namespace(x).concat(outputs, axis=1)
        if not ctx.grad:
            return y, new_buffers, no_gradient

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, start = None, 0
            grads: Params = {}
            for name, channels, pullback in pullbacks:
                part, grads[name] = pullback(dy[:, start : start + channels, ...], want_dx)
                start += channels
                if want_dx:
                    dx = part if dx is None else dx + part
            return dx, grads

        return y, new_buffers, backward
