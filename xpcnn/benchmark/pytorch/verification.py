"""Before anything is timed: both sides compute the same scores, loss and gradients."""

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy
import torch

from xpcnn.benchmark.pytorch.forms import FORMATS
from xpcnn.benchmark.pytorch.magnitude import Magnitudes
from xpcnn.benchmark.pytorch.steps import Theirs
from xpcnn.benchmark.sides import gradients, scores
from xpcnn.errors import XpcnnError, hint
from xpcnn.layers.rebuilding import without_dropout
from xpcnn.model import Model

BATCHES = 5
ROUNDINGS = 4
"""Batches, each rounded anew, in which PyTorch's own float32 is compared with its float64."""
WORSE = 2.0
"""How many times PyTorch's largest error ours may be: Winograd's algorithm rounds about twice as
much as a direct convolution."""


def verify(
    model: Model, x: numpy.ndarray, labels: numpy.ndarray, images: int | None = None
) -> None:
    """Require our scores, loss and gradients, dropout off, to be PyTorch's in float64.

    Ours both in float64 and in float32, which is what is timed: |error| <= c eps magnitude, where c
    counts the roundings on the way and the magnitude is that of the op on absolute values; see
    `Magnitudes`. In float32 rounding decides, rarely, which of two nearly equal elements wins a
    pooling window, or whether an element near zero passes a ReLU; a gradient then takes another
    way. That is a coincidence of one batch, while a fault shows in all: one of BATCHES must agree.

    Of the millions of elements of a large network some are always that near, and where few pixels
    are left, one of them moves a gradient by some per cent. What float32 can show is measured then:
    gradients may be off by WORSE times what those of PyTorch's float32 are, of which the largest of
    all parameters counts, as any of the elements may be decided otherwise (`error_of_pytorch`).

    images: None, or of how many images of the batch PyTorch computes. In float32 we then compute a
    batch of the size of x in which these images are repeated, as often as they go into it: its
    loss, its gradients and the statistics of batch normalisation are those of the few images.

    Raises:
        XpcnnError: they differ; says what, and by how much.
        BackendError: PyTorch has no module for a layer.
    """
    few = min(images or len(x), len(x))
    repeats, x, labels = len(x) // few, x[:few], labels[:few]
    found = ""
    for shift in range(BATCHES):
        found = difference(model, numpy.roll(x, shift, axis=-1), labels, repeats)
        if not found:
            return
    raise XpcnnError(hint(found, "report it, with what `xpcnn info` prints"))


class Expected(NamedTuple):
    """What PyTorch computes in float64: an array, and the magnitude that errors are relative to."""

    value: Any
    magnitude: float


def difference(model: Model, x: numpy.ndarray, labels: numpy.ndarray, repeats: int = 1) -> str:
    """Return the first of our results that is not PyTorch's, in words; "" if all are.

    repeats: how often our batch in float32 holds these images; see `verify`.
    """
    expected, roundings = computed_by_pytorch(model, x, labels)
    for dtype, times in (("float64", 1), ("float32", repeats)):
        bound = roundings * float(numpy.finfo(dtype).eps)
        measured = False
        batch = repeated(x, times), numpy.tile(labels, times)
        for (what, value), want in zip(computed_by_us(model, *batch, dtype), expected, strict=True):
            shape = (-1, *numpy.shape(want.value))  # scores are there as often as the images
            error = float(abs(value.reshape(shape) - want.value).max())
            if not math.isfinite(want.magnitude):  # the bound would be infinite
                return f"{what}: infinite or NaN in PyTorch: nothing to compare with"
            is_gradient = what.startswith("gradient")
            if not error <= bound * want.magnitude and is_gradient and dtype == "float32":
                if not measured:
                    bound = max(bound, WORSE * error_of_pytorch(model, x, labels, expected))
                measured = True
            if not error <= bound * want.magnitude:  # NaN neither
                relative = f"{error:.2g}, of a magnitude of {want.magnitude:.2g}"
                return f"{dtype} {what} is not PyTorch's: off by {relative}, bound {bound:.2g}"
    return ""


def repeated(x: numpy.ndarray, times: int) -> numpy.ndarray:
    """Return the images (n, ...) that many times over, laid out as training has them."""
    return numpy.moveaxis(numpy.tile(numpy.moveaxis(x, 0, -1), times), -1, 0)


def error_of_pytorch(
    model: Model, x: numpy.ndarray, labels: numpy.ndarray, expected: Sequence[Expected]
) -> float:
    """Return by how much PyTorch's gradients in float32 are off, in parts of their magnitudes.

    The largest of all parameters, and of ROUNDINGS batches whose elements are each off by at most
    the rounding of float32.
    """
    plain = plain_copy(model, "float32")
    rng = numpy.random.default_rng(0)
    eps = float(numpy.finfo("float32").eps)
    largest = 0.0
    for _ in range(ROUNDINGS):
        near = (x * (1 + eps * rng.uniform(-1, 1, x.shape))).astype("float32")
        theirs = Theirs(plain, near, labels, "train", FORMATS[0])
        theirs.backward()
        for p, want in zip(theirs.module.parameters(), expected[2:], strict=True):
            if want.magnitude:
                error = float(abs(p.grad.numpy() - want.value).max())
                largest = max(largest, error / want.magnitude)
    return largest


def computed_by_us(
    model: Model, x: numpy.ndarray, labels: numpy.ndarray, dtype: str
) -> Iterator[tuple[str, Any]]:
    """Yield by name the scores in inference, the loss, and the gradient of each parameter."""
    plain = plain_copy(model, dtype)
    yield "scores in inference", scores(plain, x)
    loss, grads = gradients(plain, x, labels)
    yield "loss", numpy.asarray(loss)
    for path, g in grads.items():
        yield f"gradient of {path}", g.T if path.endswith("weight") and g.ndim == 2 else g


def computed_by_pytorch(
    model: Model, x: numpy.ndarray, labels: numpy.ndarray
) -> tuple[list[Expected], float]:
    """Return PyTorch's results in float64, and by how many roundings ours may differ from them."""
    plain = plain_copy(model, "float64")
    theirs = Theirs(plain, x.astype("float64"), labels, "train", FORMATS[0])
    magnitudes = Magnitudes(theirs.module)
    theirs.module.eval()  # first, before the running statistics move
    with torch.inference_mode():
        expected = [Expected(theirs.module(theirs.x).numpy(), magnitudes.of_scores())]
    theirs.module.train()
    loss = theirs.backward()
    expected.append(Expected(loss, magnitudes.of_loss()))
    for p, magnitude in zip(theirs.module.parameters(), magnitudes.of_gradients(), strict=True):
        expected.append(Expected(p.grad.numpy(), magnitude))
    return expected, magnitudes.roundings()


def plain_copy(model: Model, dtype: str) -> Model:
    """Return the model in a dtype, with a dropout rate of 0: each side draws random numbers of its
    own.
    """
    plain = copy.copy(model)
    plain.compute_dtype = dtype
    plain.layers = without_dropout(model.layers)
    return plain.to(model.backend)
