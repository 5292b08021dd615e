"""Children of containers: they are initialised and run with errors that say where they arose."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from xpcnn import ops
from xpcnn.errors import ConfigError, XpcnnError, hint, with_context
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer
from xpcnn.layers.results import (
    as_initial,
    as_result,
    check_buffers,
    check_methods,
    checked_pullback,
)
from xpcnn.types import Array, LayerPullback, Params, Shape

Trace: TypeAlias = list[tuple[str, Shape]]
"""(type of a layer, shape of its output) of all layers that ran; first ("", shape of the input)."""


def init_child(
    name: str, layer: Layer, shape: Shape, draw: Draw, trace: Trace | None = None
) -> tuple[Params, Params, Shape]:
    """Initialise the child `layer`; an error names its path and the shapes before it."""
    try:
        return as_initial(layer.init(shape, draw.at(name)))
    except XpcnnError as error:
        where = location(draw.at(name).path, layer, trace or [("", shape)])
        raise with_context(error, where) from None


def forward_child(
    name: str,
    layer: Layer,
    params: Params,
    buffers: Params,
    x: Array,
    ctx: Context,
    trace: Trace | None = None,
) -> tuple[Array, Params, LayerPullback]:
    """Run the child `layer`; an error names its path and the shapes before it.

    An exception that is not an XpcnnError, which a user's layer may raise, gets a note.
    """
    own = ctx.at(name)
    try:
        y, new, pullback = as_result(layer.forward(params[name], buffers[name], x, own))
        if ctx.training:
            check_buffers(new, buffers[name])
    except XpcnnError as error:
        raise with_context(error, location(own.path, layer, trace or start_of_trace(x))) from None
    except Exception as error:
        error.add_note(location(own.path, layer, trace or start_of_trace(x)))
        raise
    if ctx.grad:
        where = f"{own.path} ({type(layer).__name__})"
        pullback = checked_pullback(pullback, params[name], x, where)
    return y, new, pullback


class Container(Protocol):
    """A layer that has children, by name."""

    def children(self) -> Iterable[tuple[str, Layer]]: ...


def init_children(
    container: Container, shape: Shape, draw: Draw
) -> tuple[Params, Params, list[Shape]]:
    """Initialise all children for samples of one shape; return the shapes of their outputs too."""
    params, buffers, outs = {}, {}, []
    for name, layer in container.children():
        params[name], buffers[name], out = init_child(name, layer, shape, draw)
        outs.append(out)
    return params, buffers, outs


def forward_children(
    container: Container, params: Params, buffers: Params, x: Array, ctx: Context
) -> tuple[list[Array], Params, dict[str, LayerPullback]]:
    """Run all children on x: their outputs, new buffers and, with gradients, pullbacks by name."""
    outputs: list[Array] = []
    new_buffers: Params = {}
    pullbacks: dict[str, LayerPullback] = {}
    for name, layer in container.children():
        y, new_buffers[name], pullback = forward_child(name, layer, params, buffers, x, ctx)
        outputs.append(y)
        if ctx.grad:
            pullbacks[name] = pullback
        del pullback  # without gradients, frees the arrays that the layer kept for it
    return outputs, new_buffers, pullbacks


def backward_children(
    pullbacks: Mapping[str, LayerPullback], dys: Sequence[Array], want_dx: bool, dx: Array = None
) -> tuple[Array | None, Params]:
    """Return the sum of the children's dx, None if it is not wanted, and their gradients.

    dx: gradient of x by another way than the children, which is added; None if there is none.
    """
    grads: Params = {}
    for (name, pullback), dy in zip(pullbacks.items(), dys, strict=True):
        part, grads[name] = pullback(dy, want_dx)
        if want_dx:
            dx = part if dx is None else ops.add(part, dx)[0]
    return (dx if want_dx else None), grads


def start_of_trace(x: Array) -> Trace:
    """Return the trace before the first layer; x may be anything, the first op checks it."""
    return [("", getattr(x, "shape", ()))]


def location(path: str, layer: Layer, trace: Trace) -> str:
    """Return where an error arose: path and type of the layer, and the shapes before it."""
    shapes = " -> ".join(f"{name} {tuple(shape)}".lstrip() for name, shape in trace)
    return f"at {path} ({type(layer).__name__}): {shapes}"


def check_layers(container: str, layers: Sequence[Layer]) -> None:
    """Require a list of at least one layer."""
    if not isinstance(layers, list | tuple):
        shown = type(layers).__name__
        raise ConfigError(
            hint(f"{container}: {shown} is not a list of layers", f"{container}([...])")
        )
    if not layers:
        advice = f"{container}([...]), at least one; Identity() leaves its input as it is"
        raise ConfigError(hint(f"{container}: no layers", advice))
    for layer in layers:
        if isinstance(layer, type) or not isinstance(layer, Layer):
            shown = f"the class {layer.__name__}" if isinstance(layer, type) else repr(layer)
            message = f"{container}: {shown} is not a layer, an object with init and forward"
            advice = "an object, such as ReLU() or Dense(10)"
            if layer is None:
                advice = "Identity(), which leaves its input as it is"
            raise ConfigError(hint(message, advice))
        if not type(layer).__module__.startswith("xpcnn."):
            check_methods(layer)
