"""Evaluation: loss and accuracy of given weights over samples."""

from typing import TYPE_CHECKING

import numpy

from xpcnn.layers import Context
from xpcnn.samples import Samples
from xpcnn.training.options import check_count
from xpcnn.training.step import hits
from xpcnn.types import Array, Params

if TYPE_CHECKING:
    from xpcnn.model import Model


def evaluate(
    model: "Model",
    samples: Samples,
    batch_size: int = 256,
    weights: tuple[Params, Params] | None = None,
) -> dict[str, float]:
    """Return loss and accuracy over all samples: means over batches, weighted by their size.

    weights: parameters and buffers in place of the model's.
    """
    check_count("batch_size", batch_size)
    params, buffers = weights or (model.params, model.buffers)
    loss_sum, right = zero_sums(model)
    for x, labels in samples.batches(batch_size):
        scores, _, _ = model.layers.forward(params, buffers, x, Context())
        value, _ = model.loss(scores, labels)
        loss_sum = loss_sum + value * x.shape[0]
        right = right + hits(model.loss, scores, labels)
    return {"loss": float(loss_sum) / len(samples), "accuracy": int(right) / len(samples)}


def zero_sums(model: "Model") -> tuple[Array, Array]:
    """Return the loss sum and the hits of no samples, on the device."""
    from_host = model.backend.from_host
    return from_host(numpy.zeros((), model.dtype)), from_host(numpy.zeros((), numpy.int64))
