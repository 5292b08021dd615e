"""What a loss returns, checked where it is called: a loss may be the user's own."""

from xpcnn.errors import ConfigError, DTypeError, ShapeError, hint
from xpcnn.losses.base import Loss
from xpcnn.ops.checks import dtype_name
from xpcnn.options import shown
from xpcnn.types import Array, LossPullback


def value_and_pullback(loss: Loss, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
    """Return the loss of a batch, a 0-d array, and its pullback, as `loss(scores, labels)` does.

    scores, labels: see `Loss`.

    Raises:
        ConfigError: the loss returns anything else.
        ShapeError: its value is an array with axes; or, raised by the pullback, the gradient has
            not the shape of the scores.
        DTypeError: raised by the pullback: the gradient has not the dtype of the scores.
    """
    name, expected, dtype = type(loss).__name__, scores.shape, scores.dtype
    try:
        found = loss(scores, labels)
    except Exception as error:
        error.add_note(_given(name, scores, labels))
        raise
    if not isinstance(found, tuple) or len(found) != 2 or not callable(found[1]):
        message = f"the loss {name} returned {shown(found)}, expected (loss, pullback)"
        raise ConfigError(hint(message, "return loss, pullback, with pullback(dloss) -> dscores"))
    value, pullback = found
    if not hasattr(value, "shape"):
        message = f"the loss {name} returned {shown(value)} for its value, expected a 0-d array"
        raise ConfigError(hint(message, "the mean as it is, without float() and .item()"))
    if value.shape != ():
        message = f"the loss {name} has the shape {tuple(value.shape)}, expected ()"
        raise ShapeError(hint(message, "the mean over the samples"))

    def checked(dloss: Array) -> Array:
        dscores = pullback(dloss)
        shape = getattr(dscores, "shape", None)
        if shape != expected:
            gave = shown(dscores) if shape is None else f"the shape {tuple(shape)}"
            message = f"the pullback of the loss {name} returned {gave}, "
            message += f"expected dscores of the shape {tuple(expected)}"
            raise ShapeError(hint(message, "the gradient of each score, alone"))
        if dscores.dtype != dtype:
            wanted = str(dtype).rpartition(".")[2]
            message = f"the pullback of the loss {name} returned dscores of dtype "
            message += f"{dtype_name(dscores)}, expected {wanted}"
            raise DTypeError(hint(message, "Python numbers as constants, not NumPy's float64"))
        return dscores

    return value, checked


def _given(name: str, scores: Array, labels: Array) -> str:
    """Return in words what a loss was given when it raised an error."""
    shape, outputs = tuple(labels.shape), scores.shape[-1]
    text = f"in the loss {name}, of scores {tuple(scores.shape)} and labels {shape}, {labels.dtype}"
    if shape[1:] == (outputs + 1,):
        text += "; the last column are weights of samples: xpcnn.losses.without_weights"
    return text
