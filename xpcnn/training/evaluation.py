"""Evaluation: loss and accuracy of given weights over samples."""

from xpcnn.layers import Context
from xpcnn.network import Network
from xpcnn.options import check_count
from xpcnn.samples import Samples
from xpcnn.training.progress import Weights, zero_sums
from xpcnn.training.step import hits


def evaluate(
    network: Network,
    samples: Samples,
    batch_size: int = 256,
    weights: Weights | None = None,
) -> dict[str, float]:
    """Return loss and accuracy over all samples: means over batches, weighted by their size.

    network, samples: what is evaluated, and on which samples.
    batch_size: number of samples at a time; only rounding depends on it.
    weights: parameters and buffers that replace the network's.
    """
    check_count("batch_size", batch_size)
    params, buffers = weights or (network.params, network.buffers)
    loss_sum, right = zero_sums(network)
    for x, labels in samples.batches(batch_size):
        scores, _, _ = network.layers.forward(params, buffers, x, Context())
        value, _ = network.loss(scores, labels)
        loss_sum = loss_sum + value * x.shape[0]
        right = right + hits(network.loss, scores, labels)
    return {"loss": float(loss_sum) / len(samples), "accuracy": int(right) / len(samples)}
