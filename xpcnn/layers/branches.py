"""Containers of layers side by side: a residual connection, and branches that are concatenated."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xpcnn.errors import ShapeError, hint
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer, no_gradient
from xpcnn.layers.children import check_layers, forward_child, init_child
from xpcnn.types import Array, LayerPullback, Params, Shape, namespace


@dataclass(frozen=True)
class Residual:
    """A residual connection: y = body(x) + shortcut(x), or body(x) + x without a shortcut.

    Backward: both branches get dy, and their dx are added.
    Source: He et al. 2015, arXiv:1512.03385.

    body: a layer or container.
    shortcut: a layer or container whose output has the shape of the body's; None for x itself.

    Raises:
        ConfigError: `body` or `shortcut` is not a layer.
        ShapeError: the two outputs have different shapes (in `init`).
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
        """Require that both branches make one shape."""
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
            del pullback  # without gradients, frees the arrays that the layer kept for it
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
    """Branches side by side: y = [branch_0(x), branch_1(x), ...], concatenated along the channels.

    Backward: each branch gets its channels of dy, and the dx are added.
    Source: Szegedy et al. 2014, arXiv:1409.4842.

    branches: a list of layers or containers, at least one, named `branches.0`, `branches.1`, ...;
        their outputs differ in the number of channels alone.

    Raises:
        ConfigError: `branches` is empty, or an entry is not a layer.
        ShapeError: outputs differ in more than the number of channels (in `init`).
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
        """Require that the shapes `outs` differ in the axis `channels` alone."""
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
            del pullback  # without gradients, frees the arrays that the layer kept for it
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
