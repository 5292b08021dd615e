"""`xpcnn.load` and `xpcnn.load_weights`: a model from its file, or its weights for another model.

`Model.save` writes the file; `io.network_file` describes it.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from xpcnn.backend import Backend, dtypes
from xpcnn.io import network_file
from xpcnn.io.weight_transfer import LoadedWeights, take_weights
from xpcnn.model import Model, model_of


def load_model(
    path: str | Path,
    *,
    layers: Iterable[type] = (),
    backend: str | Backend = "numpy",
    device: str | int | None = None,
) -> Model:
    """Return the model in a file, whichever backend wrote the file.

    Args:
        path: a file that `Model.save` wrote.
        layers: layer classes of your own (dataclasses) that the file may name.
        backend: array library to load the model on: a name, or a `Backend` from `backend.load`.
        device: device of the backend, by name or number; None for its default.

    Raises:
        CheckpointError: the file cannot be read, is damaged, or contradicts itself.
        BackendError: the backend cannot be used here.
    """
    return model_of(*network_file.built(*network_file.read(path, layers), backend, device))


def load_to_read(path: str | Path, *, layers: Iterable[type] = ()) -> tuple[Model, str]:
    """Return the model in a file on NumPy, for its weights and facts, and the dtype of the file.

    A model that was saved to compute in bfloat16, which NumPy does not have, computes in float32
    here, the dtype of its weights.

    Raises:
        CheckpointError: as `load_model`.
    """
    found, tensors = network_file.read(path, layers)
    here = found if found.dtype in dtypes("numpy") else replace(found, dtype="float32")
    return model_of(*network_file.built(here, tensors, "numpy", None)), found.dtype


def load_weights(model: Model, path: str | Path, *, layers: Iterable[type] = ()) -> LoadedWeights:
    """Give a model the weights of a model file where layers have the same path and shapes.

    A layer takes all of its parameters and running statistics or none, cast to the dtype of the
    model. If the samples have as many channels, the model also takes the mean and deviation of the
    file, so that the weights get samples on the scale they were trained on. All else in the model
    is unchanged. The last layer is not taken if the file has other class names, or another order.

    Args:
        model: the model that gets the weights.
        path: a file that `Model.save` wrote.
        layers: layer classes of your own (dataclasses) that the file may name.

    Returns:
        a report of the layers that were taken and those that were not; print it to read it.

    Raises:
        CheckpointError: the file cannot be read, or no layer matches.
    """
    source, _ = load_to_read(path, layers=layers)
    return take_weights(model.network, source.network, str(path), model.classes, source.classes)
