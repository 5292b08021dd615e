"""A layer of your own: swish with a learnt steepness, with a gradient check, in a network.

Run it: python examples/own_layer.py [--plot FILE]
"""

import argparse
from dataclasses import dataclass

import numpy

import xpcnn
from xpcnn import ops
from xpcnn.initializers import Constant, Draw
from xpcnn.layers import Context, Conv2D, Dense, Flatten, LayerPullback, MaxPool2D, Sequential
from xpcnn.testing import check_gradients
from xpcnn.training import History
from xpcnn.types import Array, Params, Shape, namespace


@dataclass(frozen=True)
class Swish:
    """y = x s with s = sigmoid(beta x), and one learnt beta per channel.

    Backward: dx = dy (s + beta x s (1 - s)), dbeta[c] = sum of dy x^2 s (1 - s) over channel c.
    Source: Ramachandran et al. 2017, arXiv:1710.05941.
    """

    start: float = 1.0

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        """Return the parameters for samples of this shape, no buffers, and the output shape."""
        return {"beta": draw("beta", Constant(self.start), shape[:1])}, {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        """Return the output, the buffers (none here) and the pullback."""
        xp = namespace(x)  # NumPy, CuPy, PyTorch, ...: the library of x
        beta = xp.reshape(params["beta"], (1, -1, *(1,) * (x.ndim - 2)))  # (1, c, 1, 1)
        s, _ = ops.sigmoid(beta * x)

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            slope = x * s * (1.0 - s)
            dx = dy * (s + beta * slope) if want_dx else None
            dbeta = xp.sum(dy * x * slope, axis=(0, *range(2, x.ndim)))  # (c,)
            return dx, {"beta": dbeta}

        return x * s, {}, pullback


network = Sequential(
    [Conv2D(8, 3, padding="same"), Swish(), MaxPool2D(2), Flatten(), Dense(32), Swish(), Dense(10)]
)


def plot(history: History, steepness: numpy.ndarray, file: str) -> None:
    """Draw the loss of each epoch; and the activation of each channel, learnt and at the start."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.set(xlabel="epoch", ylabel="loss", yscale="log")
    left.plot(history["epoch"], history["loss"], "o-", markersize=3, label="training")
    left.plot(history["epoch"], history["val_loss"], "o-", markersize=3, label="validation")
    left.legend()
    x = numpy.linspace(-6, 0.3, 201)  # where steepness shows most
    right.set(xlabel="x", ylabel="x sigmoid(beta x)")
    for beta in steepness:
        right.plot(x, x / (1 + numpy.exp(-beta * x)), linewidth=1)
    right.plot(x, x / (1 + numpy.exp(-x)), "k--", label="beta = 1, at the start")
    right.legend()
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="draw the curves; needs matplotlib")
    given = parser.parse_args()

    check_gradients(Swish(), (3, 4, 5))
    check_gradients(Swish(), (6,))
    check_gradients(network, (1, 8, 8))
    print("gradients: right")

    train, test = xpcnn.data.load("digits")
    model = xpcnn.Model(network, input_shape=train.shape)
    history = model.fit(train, epochs=10, validation=0.1)
    print(f"accuracy on the test part: {model.evaluate(test)['accuracy']:.3f}")
    beta = model.backend.to_host(model.params["layers.1"]["beta"])
    print(f"steepness per channel, 1 at the start: {', '.join(f'{b:.2f}' for b in beta)}")
    if given.plot:
        plot(history, beta, given.plot)
