"""Rules that PyTorch lacks, over 20 steps, against their papers' formulas in plain NumPy."""

from collections.abc import Callable

import numpy
import pytest

from xpcnn.optimizers import LAMB, LARS, Lion, Optimizer

Host = numpy.ndarray
STEPS = 20
SHAPES = {"filters": (4, 3, 2, 2), "weight": (3, 5), "bias": (5,)}


def gradient(p: Host, t: int) -> Host:
    """Return a gradient that depends on p, so that an error shows in all later steps."""
    return numpy.random.default_rng([t, p.size]).standard_normal(p.shape) + 0.5 * p


def lion(w: Host, lr: float, b1: float, b2: float, decay: float) -> Host:
    m = numpy.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w, t)
        w = w - lr * (numpy.sign(b1 * m + (1 - b1) * g) + decay * w)
        m = b2 * m + (1 - b2) * g
    return w


def lamb(w: Host, lr: float, b1: float, b2: float, eps: float, decay: float) -> Host:
    m, v = numpy.zeros_like(w), numpy.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w, t)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        u = m / (1 - b1**t) / (numpy.sqrt(v / (1 - b2**t)) + eps) + decay * w
        ratio = numpy.linalg.norm(w.ravel()) / numpy.linalg.norm(u.ravel()) if w.ndim > 1 else 1
        w = w - lr * ratio * u
    return w


def lars(w: Host, lr: float, momentum: float, trust: float, eps: float, decay: float) -> Host:
    v = numpy.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w, t)
        length, slope = numpy.linalg.norm(w.ravel()), numpy.linalg.norm(g.ravel())
        local = trust * length / (slope + decay * length + eps) if w.ndim > 1 else 1
        v = momentum * v + lr * local * (g + decay * w)
        w = w - v
    return w


@pytest.mark.parametrize(
    ("optimizer", "rule"),
    [
        (Lion(0.01, weight_decay=0.1), lambda w: lion(w, 0.01, 0.9, 0.99, 0.1)),
        (LAMB(0.01), lambda w: lamb(w, 0.01, 0.9, 0.999, 1e-6, 0.01)),
        (LAMB(0.02, beta1=0.8), lambda w: lamb(w, 0.02, 0.8, 0.999, 1e-6, 0.01)),
        (LARS(0.5, weight_decay=0.1), lambda w: lars(w, 0.5, 0.9, 1e-3, 1e-9, 0.1)),
        (LARS(0.1, trust=0.2, eps=1.0), lambda w: lars(w, 0.1, 0.9, 0.2, 1.0, 0.0)),
    ],
    ids=["lion", "lamb", "lamb-beta1", "lars", "lars-trust"],
)
def test_twenty_steps(optimizer: Optimizer, rule: Callable[[Host], Host]) -> None:
    rng = numpy.random.default_rng(4)
    start = {path: rng.standard_normal(shape) for path, shape in SHAPES.items()}

    def trained(scale: float) -> dict[str, Host]:
        params, lr = start, numpy.asarray(scale * optimizer.lr)
        state = optimizer.init(params)
        for t in range(1, STEPS + 1):
            grads = {path: gradient(p, t) for path, p in params.items()}
            params, state = optimizer.update(params, grads, state, lr, numpy.asarray(float(t)))
        return params

    for path, p in trained(1.0).items():
        numpy.testing.assert_allclose(p, rule(start[path]), rtol=0, atol=1e-12)
    planted = trained(1.0005)  # an error of 0.05 % is seen
    assert all(abs(p - rule(start[path])).max() > 1e-8 for path, p in planted.items())
