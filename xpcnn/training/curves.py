"""What the figures of the epochs show by themselves: a loss that jumped, and overfitting.

Numbers in, findings out; nothing is computed on the device.
"""

import math
from collections.abc import Sequence

import numpy

from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.training.health import SETTLED, START, Finding
from xpcnn.training.history import Epoch

AT_CHANCE = 0.95
"""Times the loss of guessing: from there on a loss is at chance."""

LEARNT = 0.9
"""Times the loss of guessing: a smaller loss shows that the network had learnt something."""

STAYED = 2
"""Epochs that a loss is at chance before that is told; at the end of a run one is enough."""

GAP = 0.15
"""By how much the accuracy of an overfitted network is higher on its training part."""

CERTAIN = 3.0
"""Standard errors of the validation accuracy that the gap is at least."""


def guessing_loss(loss: Loss, labels: numpy.ndarray, outputs: int) -> float | None:
    """Return the loss of knowing nothing but how frequent the classes are, ln(classes) at most.

    That is where a network ends whose output no longer depends on its input. None for losses of
    which it is not known, and where all labels are the same or no class indices.

    Args:
        labels: class indices (n,); negative ones do not count.
        outputs: scores that the network gives for a sample.
    """
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        return None
    counts = numpy.bincount(labels[labels >= 0], minlength=max(2, outputs)).astype(float)
    if numpy.count_nonzero(counts) < 2:
        return None
    if isinstance(loss, SoftmaxCrossEntropy):
        if loss.class_weights is not None:
            counts = counts * numpy.asarray(loss.class_weights)
        p = counts / counts.sum()
        p = (1.0 - loss.label_smoothing) * p + loss.label_smoothing / len(p)
        return float(-(p[p > 0.0] * numpy.log(p[p > 0.0])).sum())
    p = (counts / counts.sum())[-outputs:]  # with one output, the frequency of class 1
    if isinstance(loss, BCEWithLogits) and loss.positive_weights is None:
        p = p[(p > 0.0) & (p < 1.0)]
        return float(-(p * numpy.log(p) + (1.0 - p) * numpy.log1p(-p)).sum()) / outputs
    return float((p * (1.0 - p)).mean()) if isinstance(loss, MSE) else None


def jump(epochs: Sequence[Epoch], chance: float | None, ended: bool) -> Finding | None:
    """Return whether the training loss jumped and has stayed at chance since.

    Args:
        epochs: of the run so far, at least one.
        chance: the loss of guessing; None where it is not known, and nothing is found.
        ended: whether the run ends with these epochs.
    """
    losses = [epoch.loss for epoch in epochs]
    if chance is None or losses[-1] < AT_CHANCE * chance or epochs[-1].step < SETTLED:
        return None
    good = [i for i, loss in enumerate(losses) if loss < AT_CHANCE * chance]
    since = good[-1] + 1 if good else 0
    if len(losses) - since < STAYED and not ended:
        return None
    top = max(losses[since:])
    if good and min(losses[:since]) < LEARNT * chance:
        begin = epochs[since - 1].step + 1
        number = f"it was {min(losses[:since]):.3g}, rose to {top:.3g} and has not come back below"
    elif losses[0] > START * chance and losses[0] > START * max(losses[1:], default=top):
        begin, number = 1, f"its mean there is {top:.3g}, and it has not come below"
    else:  # slow to learn
        return None
    where = f"epoch {epochs[since].epoch} (updates {begin:,} to {epochs[since].step:,})"
    advice = "a learning rate of a third, warmup=0.1 or clip_norm=1.0"
    return Finding("a loss that jumped", where, f"{number} {chance:.3g}, that of guessing", advice)


def overfitting(epochs: Sequence[Epoch], samples: int) -> Finding | None:
    """Return whether the training part is known by heart.

    Compares the accuracies of the last two epochs, as seen in training, with the best one of the
    validation part: single bad validations, as at high learning rates, show nothing.

    Args:
        epochs: of the run so far, at least one.
        samples: of the validation part.
    """
    validated = [e for e in epochs if e.val_loss is not None and e.val_accuracy is not None]
    if not validated or len(epochs) < 2:
        return None
    trained = min(epoch.accuracy for epoch in epochs[-2:])
    best = max(e.val_accuracy or 0.0 for e in validated)
    error = math.sqrt(best * (1.0 - best) / samples)
    if trained - best < max(GAP, CERTAIN * error):
        return None
    number = f"accuracy {epochs[-1].accuracy:.2f} in training, and {best:.2f} at best in validation"
    lowest = min(validated, key=lambda e: e.val_loss or 0.0)
    if lowest is not validated[-1]:
        number += f"; the validation loss was lowest after epoch {lowest.epoch}"
    advice = "augmentation, more weight_decay, Dropout, more data, or patience=3 to stop in time"
    return Finding("overfitting", "the network", number, advice)
