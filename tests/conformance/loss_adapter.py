"""PyTorch's modules of losses in terms of xpcnn's losses.

What xpcnn does not offer raises Unsupported.
"""

from collections.abc import Callable
from typing import Any

import numpy

from tests.conformance.case_results import Unsupported
from tests.conformance.counterpart import Counterpart, Function, need_rank
from xpcnn import losses, ops
from xpcnn.types import Array, namespace


def cross_entropy(module: Any, scores: numpy.ndarray, labels: numpy.ndarray) -> Counterpart:
    need_rank(scores, 2)
    need_mean(module)
    weights = None if module.weight is None else tuple(module.weight.tolist())
    if weights is not None and min(weights) <= 0:  # the loss refuses them, the op does not

        def op(scores: Array) -> tuple[Array, Any]:
            given = namespace(scores).asarray(weights, dtype=scores.dtype)
            options = {"label_smoothing": module.label_smoothing}
            return ops.softmax_cross_entropy(
                scores, labels, given, ignore_index=module.ignore_index, **options
            )

        return Counterpart(Function(op, ()))
    loss = losses.SoftmaxCrossEntropy(
        label_smoothing=module.label_smoothing,
        class_weights=weights,
        ignore_index=module.ignore_index,
    )
    return loss_counterpart(loss, labels)


def bce_with_logits(module: Any, scores: numpy.ndarray, labels: numpy.ndarray) -> Counterpart:
    need_mean(module)
    if module.weight is not None:
        raise Unsupported("weights of elements")
    weights = None if module.pos_weight is None else tuple(module.pos_weight.tolist())
    return loss_counterpart(losses.BCEWithLogits(positive_weights=weights), labels)


def mse(module: Any, y: numpy.ndarray, targets: numpy.ndarray) -> Counterpart:
    need_mean(module)
    return loss_counterpart(losses.MSE(), targets)


def l1(module: Any, y: numpy.ndarray, targets: numpy.ndarray) -> Counterpart:
    need_mean(module)
    return loss_counterpart(losses.L1(), targets)


def huber(module: Any, y: numpy.ndarray, targets: numpy.ndarray) -> Counterpart:
    need_mean(module)
    return loss_counterpart(losses.Huber(delta=module.delta), targets)


def smooth_l1(module: Any, y: numpy.ndarray, targets: numpy.ndarray) -> Counterpart:
    """PyTorch's loss is that of Huber divided by delta; of beta = 1 the same."""
    need_mean(module)
    if module.beta != 1.0:
        raise Unsupported(f"smooth L1 with beta {module.beta:g}")
    return loss_counterpart(losses.Huber(), targets)


def need_mean(module: Any) -> None:
    if module.reduction != "mean":
        raise Unsupported(f"reduction {module.reduction}")


def loss_counterpart(loss: losses.Loss, labels: numpy.ndarray) -> Counterpart:
    def op(scores: Array) -> tuple[Array, Any]:
        y, pullback = loss(scores, labels)
        return y, lambda dy: (pullback(dy),)

    return Counterpart(Function(op, ()))


LOSSES: dict[str, Callable[..., Counterpart]] = {
    "CrossEntropyLoss": cross_entropy,
    "BCEWithLogitsLoss": bce_with_logits,
    "MSELoss": mse,
    "L1Loss": l1,
    "HuberLoss": huber,
    "SmoothL1Loss": smooth_l1,
}
