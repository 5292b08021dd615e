"""Forward and backward through a network, layer by layer: all outputs and gradients are kept.

Each layer by itself: nothing is fused.
"""

import time
from dataclasses import dataclass, field

import numpy

from xpcnn.backend import Backend
from xpcnn.layers import Context, Layer
from xpcnn.layers.rebuilding import Wrapper, rebuilt
from xpcnn.network import Network
from xpcnn.types import Array, LayerPullback, Params


@dataclass
class LayerPass:
    """The forward pass of some samples through one layer, and the backward pass of their scores.

    x, y: input and output; dx, dy: gradients of the scores with respect to them; all (n, ...), on
    the host.
    seconds: of forward and backward.
    """

    path: str
    layer: Layer
    x: numpy.ndarray
    y: numpy.ndarray
    dx: numpy.ndarray | None = None
    dy: numpy.ndarray | None = None
    seconds: list[float] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The name of the layer's class."""
        return type(self.layer).__name__


@dataclass(frozen=True)
class Trace:
    """The passes of n samples through all layers of a network, forward and backward.

    scores: (n, outputs).
    x, dx: the normalised samples (n, ...), and the gradient of the chosen scores.
    passes: of the layers that hold no other layers, in the order of the forward pass.
    """

    scores: numpy.ndarray
    x: numpy.ndarray
    dx: numpy.ndarray
    passes: tuple[LayerPass, ...]


@dataclass(frozen=True)
class Traced(Wrapper):
    """A layer that keeps its inputs, outputs and gradients."""

    backend: Backend
    passes: list[LayerPass]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        host = self.backend.to_host
        start = time.perf_counter()
        y, buffers, pullback = self.layer.forward(params, buffers, x, ctx)
        self.backend.synchronize()
        seconds = time.perf_counter() - start
        layer_pass = LayerPass(ctx.path, self.layer, host(x), host(y), seconds=[seconds])
        self.passes.append(layer_pass)

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            start = time.perf_counter()
            dx, grads = pullback(dy, want_dx)
            self.backend.synchronize()
            layer_pass.seconds.append(time.perf_counter() - start)
            layer_pass.dy = host(dy)
            layer_pass.dx = None if dx is None else host(dx)
            return dx, grads

        return y, buffers, backward


def trace(
    network: Network,
    raw: numpy.ndarray,
    classes: numpy.ndarray,
    context: Context = Context(grad=True),  # noqa: B008  it cannot be changed
) -> Trace:
    """Send raw samples (n, ...) forward, and the gradient of one score of each back.

    classes: for each sample the class whose score to take the gradient of, (n,). If the network has
    one output, that is the score of class 1, and its negative the score of class 0.
    context: with grad; by default that of inference (running statistics, no dropout).
    """
    backend = network.backend
    passes: list[LayerPass] = []

    def watch(layer: Layer) -> Layer:
        return layer if hasattr(layer, "children") else Traced(layer, backend, passes)

    layers = rebuilt(network.layers, watch)
    with backend.session():
        (x, _), *_ = network.samples(raw, None).batches(len(raw))
        scores, _, pullback = layers.forward(network.params, network.buffers, x, context)
        dx, _ = pullback(backend.from_host(direction(classes, scores.shape[1], network.dtype)))
    host = backend.to_host
    return Trace(host(scores), host(x), host(dx), tuple(passes))


def direction(classes: numpy.ndarray, outputs: int, dtype: str) -> numpy.ndarray:
    """Return d(score of its class) / d(scores) for each sample, (n, outputs)."""
    if outputs == 1:
        signs = numpy.where(classes[:, None] == 1, 1.0, -1.0)
        return numpy.asarray(signs, dtype=dtype)
    return numpy.asarray(numpy.eye(outputs)[classes], dtype=dtype)
