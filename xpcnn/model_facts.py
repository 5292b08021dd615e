"""How a model reads pictures, and the names of its classes."""

from collections.abc import Sequence

from xpcnn.data.reading import Reading
from xpcnn.errors import CheckpointError, DataError, hint
from xpcnn.model import Model


def reading_of(model: Model) -> Reading:
    """Return how the samples of a model were read, so that pictures can be read the same way.

    Raises:
        DataError: the samples are rows of features, not images.
        CheckpointError: the model file does not say how its samples were read.
    """
    if len(model.input_shape) != 3:
        message = f"the model takes samples of shape {model.input_shape}, not images"
        raise DataError(hint(message, "a model for images, or model.predict(rows) in Python"))
    if model.reading is None:
        message = "the model file does not say how its samples were read (reading)"
        advice = "train with `xpcnn train`, or use model.predict(images) in Python"
        raise CheckpointError(hint(message, advice))
    return model.reading


def class_names(model: Model) -> Sequence[str]:
    """Return the name of each class of a model: "0", "1", ... if the classes have no names."""
    if model.classes is not None:
        return model.classes
    return [str(i) for i in range(max(model.task.least, model.output_shape[0]))]  # 1: two classes
