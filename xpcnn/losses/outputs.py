"""What a loss requires of the classes: weights for each, and the number of outputs."""

from collections.abc import Sequence
from dataclasses import replace

from xpcnn.errors import ConfigError, counted, hint
from xpcnn.losses.base import Loss
from xpcnn.losses.entropy import SoftmaxCrossEntropy

FIELDS = ("class_weights", "positive_weights")


def check_weights(loss: Loss, outputs: int) -> None:
    """Require as many weights in a loss as the network has outputs.

    One positive weight serves all outputs, and one output has the weights of two classes.

    loss: any loss; those without weights pass.
    outputs: number of outputs of the network.

    Raises:
        ConfigError: there are more or fewer weights.
    """
    for name in FIELDS:
        weights = getattr(loss, name, None)
        if not isinstance(weights, tuple):
            continue
        is_single = outputs == 1 and not isinstance(loss, SoftmaxCrossEntropy)
        expected = 2 if is_single and name == "class_weights" else outputs
        serves_all = name == "positive_weights" and len(weights) == 1
        if len(weights) != expected and not serves_all:
            message = (
                f"{type(loss).__name__}: {len(weights)} {name} for {counted(outputs, 'output')}"
            )
            each = "class" if expected != outputs else "output"
            raise ConfigError(
                hint(message, f"{name} with {counted(expected, 'number')}, one for each {each}")
            )


def balanced(loss: Loss, counts: Sequence[int], outputs: int, samples: int | None = None) -> Loss:
    """Return a loss with "balanced" weights replaced by numbers; any other loss unchanged.

    With n samples of k classes, class_weights are n / (k * count), and positive_weights
    (n - count) / count, or that of class 1 alone for one output.

    loss: any loss.
    counts: number of training samples of each class.
    outputs: number of outputs of the network.
    samples: n; None where each sample is of one class.

    Raises:
        ConfigError: a class has no samples.
    """
    wanted = [name for name in FIELDS if getattr(loss, name, None) == "balanced"]
    if not wanted:
        return loss
    if 0 in counts:
        message = f"{wanted[0]}='balanced': class {counts.index(0)} has no training samples"
        raise ConfigError(hint(message, f"{wanted[0]}=(1.0, 2.0, ...), a number for each class"))
    n, k = sum(counts) if samples is None else samples, len(counts)
    positive = counts[1:] if outputs == 1 else counts
    numbers = {
        "class_weights": tuple(n / (k * count) for count in counts),
        "positive_weights": tuple((n - count) / count for count in positive),
    }
    return replace(loss, **{name: numbers[name] for name in wanted})  # type: ignore[type-var]


def outputs_for(loss: Loss, classes: int) -> tuple[int, ...]:
    """Return the numbers of outputs that a network may have: two classes may share one output.

    loss: SoftmaxCrossEntropy always needs one output per class.
    classes: number of classes.
    """
    single = classes == 2 and not isinstance(loss, SoftmaxCrossEntropy)
    return (1, classes) if single else (classes,)
