"""Opens the network or the saved model that is named on the command line."""

import os
import shlex
from pathlib import Path

import numpy

from xpcnn.backend import Backend, load
from xpcnn.cli.flag_parsing import device_name
from xpcnn.cli.run_folder import CHECKPOINTS
from xpcnn.data.files import is_there, shown
from xpcnn.data.picture_files import has_picture_name
from xpcnn.errors import CheckpointError, ConfigError, hint
from xpcnn.exchange import import_pytorch
from xpcnn.io.foreign.weights import is_foreign
from xpcnn.layers import Layer, Sequential
from xpcnn.model import Model
from xpcnn.model_loading import load_model, load_to_read
from xpcnn.models import names, preset
from xpcnn.models.preset_of_model import preset_of
from xpcnn.runs.record import CONFIG, MODEL
from xpcnn.training import TrainingOptions
from xpcnn.training.saver import NOT_FINITE
from xpcnn.types import Shape


def open_backend(name: str, device: str | None, tf32: bool | None) -> Backend:
    """Return the backend of the flags --backend, --device and --tf32.

    Raises:
        BackendError: it cannot be used here, or has no TF32.
    """
    library = load(name, device_name(device))
    if tf32:
        library.allow_tf32()
    return library


def open_model(name: str, backend: str | Backend = "numpy") -> Model:
    """Return the model of a run folder or a model file.

    Raises:
        CheckpointError: there is none, or it cannot be read.
        BackendError: the backend cannot be used here.
    """
    return load_model(model_path(name), backend=backend)


def open_to_read(name: str) -> tuple[Model, str]:
    """Return the model of a run folder or a model file on NumPy, and the dtype of the file.

    See `load_to_read`.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    return load_to_read(model_path(name))


def open_init(name: str, preset_name: str | None) -> Model:
    """Return the model whose weights a run starts from: a saved one, or weights of PyTorch.

    preset_name: the preset of the network, which a file of weights does not name.

    Raises:
        CheckpointError, ConfigError: there is none, it cannot be read, or it does not fit.
    """
    path = model_path(name)
    if not is_foreign(path):
        return open_to_read(name)[0]
    if preset_name is None:
        message = f"{name} holds PyTorch weights, but not which network they are of"
        raise ConfigError(hint(message, "--model resnet18, the preset of that network"))
    return import_pytorch(path, preset_name)


def network(name: str, shape: Shape | None) -> tuple[Layer, Shape, int]:
    """Return the layers of a preset or model, the shape of a sample, the bytes of a number.

    shape: in place of the one that the preset or the model is made for.

    Raises:
        ConfigError, CheckpointError, ShapeError: there is no such model, or it does not fit.
    """
    if is_saved(name):
        model, _ = open_to_read(name)
        return model.layers, shape or model.input_shape, numpy.dtype(model.dtype).itemsize
    found = preset(name)
    if shape is not None:
        found = found.for_data(shape, found.classes)
    return found.layers, found.input_shape, 4


def is_saved(name: str) -> bool:
    """Whether a name means a saved model: a run folder or a model file, and no preset."""
    path = Path(name)
    saved = os.path.exists(path) or path.suffix == ".safetensors" or len(path.parts) > 1
    return name not in names() and path.suffix != ".toml" and saved


def model_and_training(name: str, seed: int = 0) -> tuple[Model, TrainingOptions]:
    """Return a model and how it is trained: a saved one, or a new one of a preset.

    Raises:
        ConfigError, CheckpointError, ShapeError: there is no such model, or it does not fit.
    """
    if is_saved(name):
        model, _ = open_to_read(name)
        if not isinstance(model.layers, Sequential):
            return model, TrainingOptions()
        return model, preset_of(model, name).training
    found = preset(name)
    shape, loss = found.input_shape, found.loss
    return Model(found.layers, input_shape=shape, loss=loss, seed=seed), found.training


def model_path(name: str) -> Path:
    """Return the model file of a run folder, or the file itself.

    Raises:
        CheckpointError: there is none.
    """
    path = Path(name)
    if os.path.isdir(path):
        if not (path / MODEL).is_file():
            raise CheckpointError(hint(*_without_model(path)))
        return path / MODEL
    if not is_there(path, CheckpointError):
        message = f"{shown(path)}: there is no such run folder or model file"
        raise CheckpointError(hint(message, "the folder that `xpcnn train` named at its end"))
    if has_picture_name(path.name):
        message = f"{shown(path)} is a picture, expected a run folder or model file first"
        raise CheckpointError(hint(message, "xpcnn predict RUN PICTURE"))
    return path


def _without_model(folder: Path) -> tuple[str, str]:
    """Return what a folder without a model is, folds, a run not yet ended or no run, and advice."""
    fold = folder / "fold-1"  # of a cross-validation
    if (folder / CONFIG).is_file() and not fold.is_dir():
        why, command = "it has not come to its end", "resume"
        if (folder / CHECKPOINTS / NOT_FINITE).is_file():
            why, command = "the training diverged", "replay"
        message = f"{shown(folder)}: the run has no {MODEL}, because {why}"
        return message, shlex.join(["xpcnn", command, str(folder)])
    advice = f"{fold}" if fold.is_dir() else "a folder that `xpcnn train` named at its end"
    return f"{shown(folder)} is not a run folder: it has no {MODEL}", advice
