"""Properties of networks that need no oracle: how the samples of a batch relate to each other."""

import numpy

from tests.conformance.properties import Property, Rng, close
from tests.lib import Host, Lib
from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers import (
    BatchNorm,
    Context,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    Mish,
    Residual,
    Sequential,
    Tanh,
)
from xpcnn.types import flatten, unflatten_like

NETWORK = Sequential(
    [
        Conv2D(3, 3, padding=1),
        Mish(),
        Residual(Conv2D(3, 3, padding="same")),
        MaxPool2D(2),
        Flatten(),
        Dense(4),
        Tanh(),
        Dense(3),
    ]
)
SHAPE = (2, 5, 4)
DRAWN, BUFFERS, _ = NETWORK.init(SHAPE, Draw(0))


def network(lib: Lib, x: Host, labels: Host) -> dict[str, Host]:
    """Return the scores of a small network and every gradient of its loss, by name."""
    flat = {path: lib.asarray(p.astype("float64")) for path, p in flatten(DRAWN).items()}
    params = unflatten_like(DRAWN, flat)
    y, _, back = NETWORK.forward(params, BUFFERS, lib.asarray(x), Context(True, grad=True))
    loss, loss_back = ops.softmax_cross_entropy(y, lib.asarray(labels))
    dx, grads = back(loss_back(lib.asarray(1.0))[0])
    results = {"y": y, "loss": loss, "dx": dx, **flatten(grads)}
    return {name: lib.to_host(value) for name, value in results.items()}


def samples(rng: Rng) -> tuple[Host, Host]:
    n = int(rng.integers(2, 6))
    return rng.standard_normal((n, *SHAPE)), rng.integers(0, 3, n)


def the_order_of_a_batch_does_not_matter(lib: Lib, rng: Rng) -> None:
    """Permuted samples give permuted outputs and dx, and the same loss and gradients."""
    x, labels = samples(rng)
    order = rng.permutation(len(x))
    one, other = network(lib, x, labels), network(lib, x[order], labels[order])
    for name, value in one.items():
        close(other[name], value[order] if name in ("y", "dx") else value)


def the_gradient_of_a_batch_is_the_mean_over_samples(lib: Lib, rng: Rng) -> None:
    """The loss and the gradients of a batch are the means of those of its samples."""
    x, labels = samples(rng)
    whole = network(lib, x, labels)
    parts = [network(lib, x[i : i + 1], labels[i : i + 1]) for i in range(len(x))]
    for name in whole.keys() - {"y", "dx"}:
        close(whole[name], numpy.mean([part[name] for part in parts], axis=0))


def inference_ignores_batch_mates(lib: Lib, rng: Rng) -> None:
    """With batch norm in inference mode, a sample's output and dx are the same when alone."""
    x, _ = samples(rng)
    layer = Sequential([Conv2D(3, 2), BatchNorm(), Mish()])
    drawn, stats, _ = layer.init(x.shape[1:], Draw(0))
    params = {p: lib.asarray(a.astype("float64")) for p, a in flatten(drawn).items()}
    buffers = {p: lib.asarray(rng.uniform(0.5, 2, a.shape)) for p, a in flatten(stats).items()}
    g = rng.standard_normal((len(x), 3, 4, 3))

    def infer(x: Host, g: Host) -> tuple[Host, Host]:
        y, _, back = layer.forward(
            unflatten_like(drawn, params),
            unflatten_like(stats, buffers),
            lib.asarray(x),
            Context(training=False, grad=True),
        )
        return lib.to_host(y), lib.to_host(back(lib.asarray(g))[0])

    y, dx = infer(x, g)
    i = int(rng.integers(len(x)))
    alone_y, alone_dx = infer(x[i : i + 1], g[i : i + 1])
    close(alone_y, y[i : i + 1])
    close(alone_dx, dx[i : i + 1])


PROPERTIES: list[Property] = [
    the_order_of_a_batch_does_not_matter,
    the_gradient_of_a_batch_is_the_mean_over_samples,
    inference_ignores_batch_mates,
]
