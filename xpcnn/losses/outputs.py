"""What depends on the classes of the data: weights of classes, and the number of outputs."""

from collections.abc import Sequence
from dataclasses import replace

from xpcnn.errors import ConfigError, hint
from xpcnn.losses.base import Loss
from xpcnn.losses.entropy import BCEWithLogits, SoftmaxCrossEntropy


def check_weights(loss: Loss, outputs: int) -> None:
    """Require as many weights in a loss as the network has outputs, or one positive weight for all.

    loss: any loss; those without weights pass.
    outputs: number of outputs of the network.

    Raises:
        ConfigError: there are more or fewer weights.
    """
    name = weights_field(loss)
    weights = getattr(loss, name) if name else None
    if not isinstance(weights, tuple):
        return
    serves_all = isinstance(loss, BCEWithLogits) and len(weights) == 1
    if len(weights) != outputs and not serves_all:
        message = f"{type(loss).__name__}: {len(weights)} {name} for {outputs} outputs"
        raise ConfigError(hint(message, f"{name} with {outputs} numbers, one for each output"))


def balanced(loss: Loss, counts: Sequence[int], outputs: int) -> Loss:
    """Return a loss with "balanced" weights replaced by numbers; any other loss unchanged.

    With n samples of k classes, class_weights are n / (k * count), and positive_weights
    (n - count) / count, or that of class 1 alone for one output.

    loss: any loss.
    counts: number of training samples of each class.
    outputs: number of outputs of the network.

    Raises:
        ConfigError: a class has no samples.
    """
    name = weights_field(loss)
    if not name or getattr(loss, name) != "balanced":
        return loss
    n, k = sum(counts), len(counts)
    if 0 in counts:
        message = f"{name}='balanced': class {counts.index(0)} has no training samples"
        raise ConfigError(hint(message, f"{name}=(1.0, 2.0, ...), a number for each class"))
    if isinstance(loss, SoftmaxCrossEntropy):
        return replace(loss, class_weights=tuple(n / (k * count) for count in counts))
    assert isinstance(loss, BCEWithLogits)
    positive = counts[1:] if outputs == 1 else counts
    return replace(loss, positive_weights=tuple((n - count) / count for count in positive))


def weights_field(loss: Loss) -> str:
    """Return the name of the field of weights of a loss; "" for a loss without one."""
    if isinstance(loss, SoftmaxCrossEntropy):
        return "class_weights"
    return "positive_weights" if isinstance(loss, BCEWithLogits) else ""


def outputs_for(loss: Loss, classes: int) -> tuple[int, ...]:
    """Return the numbers of outputs that a network may have: two classes may share one output.

    loss: SoftmaxCrossEntropy always needs one output per class.
    classes: number of classes.
    """
    single = classes == 2 and not isinstance(loss, SoftmaxCrossEntropy)
    return (1, classes) if single else (classes,)
