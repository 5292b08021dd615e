"""Containers: networks out of layers. Composing their pullbacks is the whole graph engine.

A container nests the parameters of its children under their names, and is a layer itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, TypeAlias

from xpcnn.errors import ConfigError, ShapeError, XpcnnError, hint, with_context
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer, LayerPullback, no_gradient
from xpcnn.layers.fuse import ALWAYS, IN_INFERENCE, Fused, Table, fusion
from xpcnn.options import check
from xpcnn.types import Array, Params, Shape, flatten, namespace


def check_layers(container: str, layers: Sequence[Layer]) -> None:
    """Require a list of layers, at least one."""
    if not isinstance(layers, list | tuple):
        shown = type(layers).__name__
        raise ConfigError(hint(f"{container}: {shown} is no list of layers", f"{container}([...])"))
    if not layers:
        raise ConfigError(hint(f"{container}: no layers", f"{container}([...]), at least one"))
    for layer in layers:
        if isinstance(layer, type) or not isinstance(layer, Layer):
            shown = f"the class {layer.__name__}" if isinstance(layer, type) else repr(layer)
            message = f"{container}: {shown} is no layer, which has init and forward"
            raise ConfigError(hint(message, "an object, such as ReLU() or Dense(10)"))


Stage: TypeAlias = tuple[Sequence[tuple[str, Layer]], Fused | None]
"""Layers that follow each other, by name, and what runs them as one op; None for a single one."""

Trace: TypeAlias = list[tuple[str, Shape]]
"""Types of layers and the shapes they made, up to a place in a network; first "", of the input."""


def init_child(
    name: str, layer: Layer, shape: Shape, draw: Draw, trace: Trace | None = None
) -> tuple[Params, Params, Shape]:
    """Initialise a child; an error says at which layer it arose and the shapes up to there."""
    try:
        return layer.init(shape, draw.at(name))
    except XpcnnError as error:
        place = _place(draw.at(name).path, layer, trace or [("", shape)])
        raise with_context(error, place) from None


def forward_child(
    name: str,
    layer: Layer,
    params: Params,
    buffers: Params,
    x: Array,
    ctx: Context,
    trace: Trace | None = None,
) -> tuple[Array, Params, LayerPullback]:
    """Run a child; an error says at which layer it arose and the shapes up to there.

    One that is not of the family, as a layer of the user's own may raise, says it in a note.
    """
    try:
        return layer.forward(params[name], buffers[name], x, ctx.at(name))
    except XpcnnError as error:
        raise with_context(error, _place(ctx.at(name).path, layer, trace or _start(x))) from None
    except Exception as error:
        error.add_note(_place(ctx.at(name).path, layer, trace or _start(x)))
        raise


def _forward_fused(
    parts: Sequence[tuple[str, Layer]],
    fused: Fused,
    params: Params,
    buffers: Params,
    x: Array,
    ctx: Context,
    trace: Trace,
) -> tuple[Array, LayerPullback]:
    """Run layers as one op; what it refuses, the layers one by one say where."""
    name, _ = parts[0]
    try:
        own, held = ([tree[part] for part, _ in parts] for tree in (params, buffers))
        return fused(own, held, x, ctx.at(name))
    except XpcnnError:
        for name, layer in parts:
            x, _, _ = forward_child(name, layer, params, buffers, x, ctx, trace)
            trace.append((type(layer).__name__, x.shape))
        raise


def _start(x: Array) -> Trace:
    """Return the trace before the first layer, whose op refuses what is no array."""
    return [("", getattr(x, "shape", ()))]


def _place(path: str, layer: Layer, trace: Trace) -> str:
    """Return the line that says where an error arose: the layer, and the shapes up to there."""
    shapes = " -> ".join(f"{name} {tuple(shape)}".lstrip() for name, shape in trace)
    return f"at {path} ({type(layer).__name__}): {shapes}"


@dataclass(frozen=True)
class Sequential:
    """Layers one after another: y = f_k(... f_2(f_1(x))).

    Backward, the chain rule: the cotangent goes through the pullbacks in reverse order. Children
    are named `layers.0`, `layers.1`, ... With `fuse`, layers that `fuse.py` knows to be one op run
    as one; the results are the same, without gradients but for rounding.
    """

    layers: Sequence[Layer]
    _: KW_ONLY
    fuse: bool = True

    def __post_init__(self) -> None:
        check_layers("Sequential", self.layers)
        check(self)
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "_stages", self._staged(ALWAYS))
        object.__setattr__(self, "_in_inference", self._staged(IN_INFERENCE))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), fuse=self.fuse), (self.layers,)  # stages hold functions

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers by name, in order."""
        for i, layer in enumerate(self.layers):
            yield f"layers.{i}", layer

    def _staged(self, table: Table) -> list[Stage]:
        """Return the layers in groups that run as one op, most of one layer."""
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
        trace = _start(x)
        stages = "_stages" if ctx.training or ctx.grad else "_in_inference"
        for parts, fused in vars(self)[stages]:
            name, layer = parts[0]
            if fused is None:
                x, new_buffers[name], pullback = forward_child(
                    name, layer, params, buffers, x, ctx, trace
                )
            else:
                x, pullback = _forward_fused(parts, fused, params, buffers, x, ctx, trace)
                new_buffers |= {part: buffers[part] for part, _ in parts}
            trace.append((" + ".join(type(layer).__name__ for _, layer in parts), x.shape))
            if ctx.grad:
                pullbacks.append((name, pullback))
            del pullback  # without gradients, what the layer kept goes with it
        if not ctx.grad:
            return x, new_buffers, no_gradient

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            grads: Params = {name: {} for name in params}
            # without want_dx, nothing below the first layer with parameters is asked for
            learnt = [i for i, (name, _) in enumerate(pullbacks) if flatten(params[name])]
            first = 0 if want_dx else min(learnt, default=len(pullbacks))
            for i in range(len(pullbacks) - 1, first - 1, -1):
                name, pullback = pullbacks[i]
                dy, grads[name] = pullback(dy, want_dx or i > first)
            return (dy if want_dx else None), grads

        return x, new_buffers, backward


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
        self._check(out["body"], out["shortcut"])
        return params, buffers, out["body"]

    def _check(self, body: Shape, shortcut: Shape) -> None:
        """Require that the two ways end in one shape."""
        if body != shortcut:
            raise ShapeError(
                hint(
                    f"Residual: the body makes {tuple(body)} and the shortcut {tuple(shortcut)}, "
                    "which cannot be added",
                    'shortcut=Conv2D(filters, 1, stride=...), or padding="same" in the body',
                )
            )

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        pullbacks: dict[str, LayerPullback] = {}
        outputs: list[Array] = []
        new_buffers: Params = {}
        for name, layer in self.children():
            y, new_buffers[name], pullback = forward_child(name, layer, params, buffers, x, ctx)
            outputs.append(y)
            if ctx.grad:
                pullbacks[name] = pullback
            del pullback  # without gradients, what the layer kept goes with it
        around = outputs[1] if self.shortcut is not None else x
        self._check(outputs[0].shape, around.shape)
        y = outputs[0] + around
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
        self._check(outs, 0)
        return params, buffers, (sum(out[0] for out in outs), *outs[0][1:])

    def _check(self, outs: Sequence[Shape], channels: int) -> None:
        """Require that the branches' shapes differ in the axis of the channels alone."""
        if len({(*out[:channels], *out[channels + 1 :]) for out in outs}) > 1:
            shown = ", ".join(str(tuple(out)) for out in outs)
            raise ShapeError(
                hint(
                    f"Concat: the branches make {shown}, which differ in more than the channels",
                    'padding="same" and one stride in all branches',
                )
            )

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        pullbacks: list[tuple[str, int, LayerPullback]] = []
        outputs: list[Array] = []
        new_buffers: Params = {}
        for name, layer in self.children():
            y, new_buffers[name], pullback = forward_child(name, layer, params, buffers, x, ctx)
            outputs.append(y)
            if ctx.grad:
                pullbacks.append((name, y.shape[1], pullback))
            del pullback  # without gradients, what the layer kept goes with it
        self._check([y.shape for y in outputs], 1)
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
