"""Evaluation: loss, accuracy and metrics of given weights over samples."""

from collections.abc import Sequence

from xpcnn.layers import Context
from xpcnn.network import Network
from xpcnn.options import check_count
from xpcnn.samples import Samples
from xpcnn.training.progress import Weights, zero_sums
from xpcnn.training.step import hits
from xpcnn.types import Array
from xpcnn.validation_metrics import Metric, measure


def evaluate(
    network: Network,
    samples: Samples,
    batch_size: int = 256,
    weights: Weights | None = None,
    metrics: Sequence[str | Metric] = (),
) -> dict[str, float]:
    """Return loss and accuracy over all samples: means over batches, weighted by their size.

    The metrics follow, by name.

    network, samples: what is evaluated, and on which samples.
    batch_size: number of samples at a time; only rounding depends on it.
    weights: parameters and buffers that replace the network's.
    metrics: as `validation_metrics.check_metrics` returns them.
    """
    check_count("batch_size", batch_size)
    params, buffers = weights or (network.params, network.buffers)
    loss_sum, right = zero_sums(network)
    probabilities: list[Array] = []
    for x, labels in samples.batches(batch_size):
        scores, _, _ = network.layers.forward(params, buffers, x, Context())
        value, _ = network.loss(scores, labels)
        loss_sum = loss_sum + value * x.shape[0]
        right = right + hits(network.loss, scores, labels)
        if metrics:
            probabilities.append(network.loss.probabilities(scores))
    found = {"loss": float(loss_sum) / len(samples), "accuracy": int(right) / len(samples)}
    if metrics:
        to_host, concat = network.backend.to_host, network.backend.xp.concat
        p = to_host(concat(probabilities, axis=0))
        found |= measure(metrics, p, to_host(samples.labels))
    return found
