"""A convolutional network by hand: forward, backward, update. No Model, no layers, no autograd.

Each op returns its output and its pullback, which takes a gradient from the output to the inputs.
Run it: python examples/by_hand.py [--plot FILE]
"""

import argparse
from collections.abc import Callable

import numpy

from xpcnn import data, ops
from xpcnn.types import Array

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--plot", metavar="FILE", help="draw the loss curve; needs matplotlib")
plot = parser.parse_args().plot


def forward(x: Array, params: list[Array]) -> tuple[Array, Callable[[Array], list[Array]]]:
    w1, b1, w2, b2 = params
    y, conv_back = ops.conv2d(x, w1, b1, padding="same")  # (n, 1, 8, 8) -> (n, 16, 8, 8)
    y, relu_back = ops.relu(y)
    y, pool_back = ops.max_pool2d(y, size=2)  # (n, 16, 4, 4)
    y, flatten_back = ops.flatten(y)  # (n, 256)
    scores, dense_back = ops.dense(y, w2, b2)  # (n, 10)

    def backward(dscores: Array) -> list[Array]:  # the chain rule: the same ops, last first
        dy, dw2, db2 = dense_back(dscores)
        for back in (flatten_back, pool_back, relu_back):
            (dy,) = back(dy)
        _, dw1, db1 = conv_back(dy, (False, True, True))  # nothing needs the images' gradient
        return [dw1, db1, dw2, db2]

    return scores, backward


train, test = data.load("digits")  # 1,442 + 355 images of 8 x 8 pixels, 0 to 16
x, x_test = (part.images.astype("float32") / 16 for part in (train, test))
rng = numpy.random.default_rng(0)  # weights of variance 2 / (inputs of a unit): He et al. 2015
w1, w2 = rng.normal(0, (2 / 9) ** 0.5, (16, 1, 3, 3)), rng.normal(0, (2 / 256) ** 0.5, (256, 10))
params = [a.astype("float32") for a in (w1, numpy.zeros(16), w2, numpy.zeros(10))]
losses: list[float] = []
for epoch in range(1, 16):
    for batch in numpy.array_split(rng.permutation(len(x)), 45):  # 32 or 33 images
        scores, backward = forward(x[batch], params)
        loss, loss_back = ops.softmax_cross_entropy(scores, train.labels[batch])
        dscores, *_ = loss_back(numpy.float32(1))
        params = [p - 0.2 * dp for p, dp in zip(params, backward(dscores), strict=True)]
        losses.append(float(loss))
    hits = forward(x_test, params)[0].argmax(axis=1) == test.labels
    print(f"epoch {epoch:2}: loss {numpy.mean(losses[-45:]):.3f}, test accuracy {hits.mean():.3f}")
if plot:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots(subplot_kw={"xlabel": "step", "ylabel": "loss", "yscale": "log"})
    axes.plot(losses, linewidth=0.8)
    figure.savefig(plot, dpi=150)
