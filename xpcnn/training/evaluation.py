"""Evaluation: loss, accuracy, figures of the task and metrics of given weights over samples."""

import math
from collections.abc import Sequence

import numpy

from xpcnn.layers import Context
from xpcnn.losses.base import divisor_of
from xpcnn.losses.results import value_and_pullback
from xpcnn.network import Network
from xpcnn.options import check_count
from xpcnn.process_group import ALONE, Group
from xpcnn.samples import Samples
from xpcnn.training.progress import Weights, zero_sums
from xpcnn.types import Array, namespace
from xpcnn.validation_metrics import Metric, measure


def evaluate(
    network: Network,
    samples: Samples,
    batch_size: int = 256,
    weights: Weights | None = None,
    metrics: Sequence[str | Metric] = (),
    group: Group = ALONE,
) -> dict[str, float]:
    """Return loss and accuracy over all samples: means over batches, weighted by their size, the
    loss by what it divides by.

    The figures of the task and the metrics follow, by name. In regression there is no accuracy.

    network: the network to evaluate.
    samples: the samples to evaluate on.
    batch_size: number of samples computed at once; only rounding depends on it.
    weights: parameters and buffers that replace the network's.
    metrics: as `validation_metrics.check_metrics` returns them.
    group: the processes that share the samples; each gets the figures of all.
    """
    check_count("batch_size", batch_size)
    params, buffers = weights or (network.params, network.buffers)
    loss_sum, right = zero_sums(network)
    counted: Array | float = 0.0  # what the losses of all batches divide by
    task = network.task
    further = bool(metrics or task.figures)
    estimates: list[Array] = []
    own = numpy.arange(len(samples))
    order = None
    if group.size > 1:  # whole batches, as losses may divide by the weights of the labels of one
        own = own[own // batch_size % group.size == group.rank]
        order = network.backend.from_host(own)
    layers = network.computing
    for x, labels in samples.batches(batch_size, order):
        scores, _, _ = layers.forward(params, buffers, x, Context())
        value, _ = value_and_pullback(network.loss, scores, labels)
        divisor = divisor_of(network.loss, scores, labels)
        if divisor is None:
            loss_sum, counted = loss_sum + value * x.shape[0], counted + x.shape[0]
        else:  # 0 where the loss ignores all labels, and is NaN
            value = namespace(value).where(divisor == 0, 0.0, value)
            loss_sum, counted = loss_sum + value * divisor, counted + divisor
        right = right + task.hits(network.loss, scores, labels)
        if further:
            estimates.append(task.estimates(network.loss, scores))
    sums = group.gather((float(loss_sum), float(counted), int(right)))
    losses, divisors, hits = map(sum, zip(*sums, strict=True))
    found = {
        "loss": losses / divisors if divisors else math.nan,
        "accuracy": hits / len(samples),
    }
    if not task.counts_hits:
        del found["accuracy"]
    if further:
        to_host = network.backend.to_host
        parts = group.gather((own, [to_host(p) for p in estimates]))
        order = numpy.concatenate([indices for indices, _ in parts])
        p = numpy.concatenate([batch for _, batches in parts for batch in batches])
        p, targets = p[numpy.argsort(order)], task.unscaled(to_host(samples.labels))
        found |= task.measure(p, targets)
        found |= measure([m for m in metrics if m not in task.figures], p, targets)
    return found
