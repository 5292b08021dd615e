"""Containers of layers side by side, whose outputs are added, multiplied or concatenated; and the
branch that does nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from xpcnn import ops
from xpcnn.errors import ShapeError, hint
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer, no_gradient
from xpcnn.layers.children import backward_children, check_layers, forward_children, init_children
from xpcnn.layers.printed import Printed
from xpcnn.types import Array, LayerPullback, Params, Shape, namespace


@dataclass(frozen=True)
class TwoBranches(Printed):
    """A body, and a shortcut around it."""

    body: Layer
    shortcut: Layer | None = None

    def __post_init__(self) -> None:
        check_layers(type(self).__name__, [layer for _, layer in self.children()])

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers by name."""
        yield "body", self.body
        if self.shortcut is not None:
            yield "shortcut", self.shortcut


@dataclass(frozen=True)
class Residual(TwoBranches):
    """A residual connection: y = body(x) + shortcut(x), or body(x) + x without a shortcut.

    Backward: both branches get dy, and their dx are added.
    Source: He et al. 2015, arXiv:1512.03385.

    body: a layer or container.
    shortcut: a layer or container whose output has the shape of the body's; None for x itself.

    Raises:
        ConfigError: `body` or `shortcut` is not a layer.
        ShapeError: the two outputs have different shapes (in `init`).
    """

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params, buffers, out = init_children(self, shape, draw)
        self._check(out[0], out[1] if self.shortcut is not None else shape)
        return params, buffers, out[0]

    def _check(self, body: Shape, shortcut: Shape) -> None:
        """Require that the outputs of both branches have one shape."""
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
        y, shortcut, new_buffers, backward = self.both(params, buffers, x, ctx)
        y, _ = ops.add(y, shortcut)
        if not ctx.grad:
            return y, new_buffers, no_gradient

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            return backward(dy, dy, want_dx)

        return y, new_buffers, pullback

    def both(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Array, Params, Callable[[Array, Array, bool], tuple[Array | None, Params]]]:
        """Return the outputs of the body and of the shortcut, new buffers, and the backward pass.

        It takes the gradients of the two outputs and `want_dx`.
        """
        outputs, new_buffers, pullbacks = forward_children(self, params, buffers, x, ctx)
        shortcut = outputs[1] if self.shortcut is not None else x
        self._check(outputs[0].shape, shortcut.shape)

        def backward(dbody: Array, dshortcut: Array, want_dx: bool) -> tuple[Array | None, Params]:
            if self.shortcut is None:
                return backward_children(pullbacks, [dbody], want_dx, dshortcut)
            return backward_children(pullbacks, [dbody, dshortcut], want_dx)

        return outputs[0], shortcut, new_buffers, backward


@dataclass(frozen=True)
class Multiply(TwoBranches):
    """A product of two branches: y = body(x) * shortcut(x), or body(x) * x without a shortcut.

    The output of the body is broadcast: numbers (c,) apply to all pixels of their channel, a map
    (1, h, w) to all channels.

    Backward: the shortcut gets dy * body(x), the body gets dy * shortcut(x), summed over the pixels
    or channels that share a number, and the dx are added.
    Source: Hu et al. 2017, arXiv:1709.01507 (squeeze and excitation).

    body: a layer or container, such as Sequential([GlobalAvgPool2D(), Dense(16), Sigmoid()]).
    shortcut: a layer or container; None for x itself.

    Raises:
        ConfigError: `body` or `shortcut` is not a layer.
        ShapeError: the output of the body cannot be broadcast to the other (in `init`).
    """

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params, buffers, out = init_children(self, shape, draw)
        shortcut = out[1] if self.shortcut is not None else shape
        self._broadcast(out[0], shortcut)
        return params, buffers, shortcut

    def _broadcast(self, body: Shape, shortcut: Shape) -> Shape:
        """Return the shape of the body's output with as many axes as the other has."""
        full = (*body, *(1,) * (len(shortcut) - len(body)))
        if len(full) != len(shortcut) or any(
            k not in (1, n) for n, k in zip(shortcut, full, strict=True)
        ):
            raise ShapeError(
                hint(
                    f"Multiply: the body makes {tuple(body)}, which cannot be broadcast to "
                    f"{tuple(shortcut)}",
                    "a body that makes one number per channel, or an image of the same size",
                )
            )
        return full

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        (gate, *others), new_buffers, pullbacks = forward_children(self, params, buffers, x, ctx)
        shortcut = others[0] if others else x
        full = self._broadcast(gate.shape, shortcut.shape)
        y, back = ops.multiply(shortcut, namespace(x).reshape(gate, full))
        if not ctx.grad:
            return y, new_buffers, no_gradient

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dshortcut, dgate = back(dy, (want_dx or bool(others), True))
            dgate = namespace(dy).reshape(dgate, gate.shape)
            if others:
                return backward_children(pullbacks, [dgate, dshortcut], want_dx)
            return backward_children(pullbacks, [dgate], want_dx, dshortcut)

        return y, new_buffers, backward


@dataclass(frozen=True)
class Identity:
    """Leave x as it is: y = x, dx = dy. A branch of `Concat` that keeps the input, as in DenseNet:

        Concat([Identity(), Sequential([BatchNorm(), ReLU(), Conv2D(12, 3, padding="same")])])

    Source: Huang et al. 2016, arXiv:1608.06993.
    """

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return x, {}, lambda dy, want_dx=True: (dy if want_dx else None, {})


@dataclass(frozen=True)
class Concat(Printed):
    """Branches side by side: y = [branch_0(x), branch_1(x), ...], concatenated along the channels.

    Backward: each branch gets its channels of dy, and the dx are added.
    Source: Szegedy et al. 2014, arXiv:1409.4842.

    branches: a list of layers or containers, at least one, named `branches.0`, `branches.1`, ...;
        their outputs differ in the number of channels alone. `Identity()` for x itself.

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
        params, buffers, outs = init_children(self, shape, draw)
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
        outputs, new_buffers, pullbacks = forward_children(self, params, buffers, x, ctx)
        self._check([y.shape for y in outputs], 1)
        y = namespace(x).concat(outputs, axis=1)
        if not ctx.grad:
            return y, new_buffers, no_gradient
        channels = [y.shape[1] for y in outputs]

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            ends = accumulate(channels)
            dys = [dy[:, end - c : end, ...] for c, end in zip(channels, ends, strict=True)]
            return backward_children(pullbacks, dys, want_dx)

        return y, new_buffers, backward
