"""Before anything is timed: both sides compute the same loss and the same gradients."""

import copy

import numpy

from xpcnn.benchmark.pytorch import FORMATS
from xpcnn.benchmark.pytorch.steps import Theirs
from xpcnn.benchmark.sides import gradients, without_dropout
from xpcnn.model import Model

LOSS_TOLERANCE, TOLERANCE = 1e-5, 1e-4


def verify(model: Model, x: numpy.ndarray, labels: numpy.ndarray) -> None:
    """Require our loss and gradients of a batch, dropout off, to be PyTorch's.

    The gradients in float64: in float32 rounding decides which of two all but equal elements
    wins a pooling window, and so where a gradient goes.

    Raises:
        AssertionError: which is not, and by how much.
    """
    for dtype in ("float32", "float64"):
        plain = plain_copy(model, dtype)
        theirs = Theirs(plain, x.astype(dtype), labels, "train", FORMATS[0])
        loss, grads = gradients(plain, x, labels)
        expected = theirs.backward()
        far = abs(loss - expected) / abs(expected)
        assert far <= LOSS_TOLERANCE, f"loss {loss}, PyTorch's {expected}"
    for (path, g), p in zip(grads.items(), theirs.module.parameters(), strict=True):
        want = p.grad.numpy()
        want = want.T if path.endswith("weight") and want.ndim == 2 else want
        far = float(abs(g - want).max() / abs(want).max())
        assert far <= TOLERANCE, f"gradient of {path}: off by {far} of its largest"


def plain_copy(model: Model, dtype: str) -> Model:
    """Return the model in a dtype, with a dropout rate of 0: each side draws its own numbers."""
    plain = copy.copy(model)
    plain.dtype = dtype
    plain.layers = without_dropout(model.layers)
    return plain.to(model.backend)
