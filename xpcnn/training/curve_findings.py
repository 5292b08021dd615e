"""Findings from the figures of the epochs alone: a loss that jumped, and overfitting.

Numbers in, findings out; nothing is computed on the device.
"""

import math
from collections.abc import Sequence

import numpy

from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.training.health import SETTLED, START, Finding
from xpcnn.training.history import Epoch

AT_CHANCE = 0.95
"""Times the loss at chance level: a loss above this is at chance."""

LEARNT = 0.9
"""Times the loss at chance level: a loss below this shows that the network had learnt."""

STAYED = 2
"""Epochs at chance before it is a finding; at the end of a run one is enough."""

GAP = 0.15
"""Excess of the training accuracy over the validation accuracy that counts as overfitting."""

CERTAIN = 3.0
"""Standard errors of the validation accuracy that the excess must reach."""


def guessing_loss(loss: Loss, labels: numpy.ndarray, outputs: int) -> float | None:
    """Return the loss at chance level: of predicting class frequencies, ln(classes) at most.

    A network whose output no longer depends on its input ends there. None for losses without a
    known value, for labels that are all the same, and for labels that are not class indices.

    Args:
        loss: the loss of training.
        labels: class indices (n,); negative ones are ignored, and the one that the loss ignores.
        outputs: number of scores of a sample.
    """
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        return None
    is_counted = (labels >= 0) & (labels != getattr(loss, "ignore_index", -1))
    counts = numpy.bincount(labels[is_counted], minlength=max(2, outputs)).astype(float)
    if numpy.count_nonzero(counts) < 2:
        return None
    if isinstance(loss, SoftmaxCrossEntropy):
        if loss.class_weights is not None:
            counts = counts * numpy.asarray(loss.class_weights)
        p = counts / counts.sum()
        p = (1.0 - loss.label_smoothing) * p + loss.label_smoothing / len(p)
        return float(-(p[p > 0.0] * numpy.log(p[p > 0.0])).sum())
    p = (counts / counts.sum())[-outputs:]  # with one output, the frequency of class 1
    if getattr(loss, "class_weights", None) is not None:
        return None
    if type(loss) is BCEWithLogits and loss.positive_weights is None:
        p = p[(p > 0.0) & (p < 1.0)]
        return float(-(p * numpy.log(p) + (1.0 - p) * numpy.log1p(-p)).sum()) / outputs
    return float((p * (1.0 - p)).mean()) if isinstance(loss, MSE) else None


def jump(epochs: Sequence[Epoch], chance: float | None, ended: bool) -> Finding | None:
    """Return a finding if the training loss jumped and has stayed at chance level since.

    Args:
        epochs: of the run so far, at least one.
        chance: the loss at chance level; None where it is not known: then nothing is found.
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
        figure = f"it was {min(losses[:since]):.3g}, rose to {top:.3g} and has not come back below"
    elif losses[0] > START * chance and losses[0] > START * max(losses[1:], default=top):
        begin, figure = 1, f"its mean there is {top:.3g}, and it has not come below"
    else:  # slow to learn
        return None
    where = f"epoch {epochs[since].epoch} (updates {begin:,} to {epochs[since].step:,})"
    advice = "a third of the learning rate, warmup=0.1 or clip_norm=1.0"
    return Finding("a loss that jumped", where, f"{figure} {chance:.3g}, that of guessing", advice)


def overfitting(epochs: Sequence[Epoch], samples: int) -> Finding | None:
    """Return a finding if the network has memorised the training part.

    Compares the accuracies of the last two epochs, as seen in training, with the best one of the
    validation part, since single bad validations, as at high learning rates, are no evidence.

    Args:
        epochs: of the run so far, at least one.
        samples: number of samples of the validation part.
    """
    validated = [e for e in epochs if e.val_loss is not None and e.val_accuracy is not None]
    if not validated or len(epochs) < 2:
        return None
    trained = min(epoch.accuracy or 0.0 for epoch in epochs[-2:])
    best = max(e.val_accuracy or 0.0 for e in validated)
    error = math.sqrt(best * (1.0 - best) / samples)
    if trained - best < max(GAP, CERTAIN * error):
        return None
    figure = f"accuracy {epochs[-1].accuracy:.2f} in training, and {best:.2f} at best in validation"
    lowest = min(validated, key=lambda e: e.val_loss or 0.0)
    if lowest is not validated[-1]:
        figure += f"; the validation loss was lowest after epoch {lowest.epoch}"
    advice = "augmentation, more weight_decay, Dropout, more data, or patience=3 to stop in time"
    return Finding("overfitting", "the network", figure, advice)
