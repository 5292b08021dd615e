"""From names on the command line to a saved model, and to the data that it can be tried on."""

from pathlib import Path
from typing import Any

import numpy

from xpcnn import data
from xpcnn.cli.options import device_name
from xpcnn.cli.runs import MODEL
from xpcnn.data import Dataset
from xpcnn.errors import CheckpointError, ConfigError, hint, nearest
from xpcnn.io.models import load_model
from xpcnn.layers import Layer
from xpcnn.model import Model
from xpcnn.models import names, preset
from xpcnn.types import Shape


def open_model(name: str, backend: str = "numpy", device: str | None = None) -> Model:
    """Return the model of a run folder or a model file.

    Raises:
        CheckpointError: there is none, or it cannot be read.
        BackendError: the backend cannot be used here.
    """
    return load_model(model_path(name), backend=backend, device=device_name(device))


def open_part(model: Model, dataset: str | None, data_dir: str | None, part: str) -> Dataset:
    """Return the test or training part of a data set, with the classes that the model knows.

    dataset: by default the one that the model was trained on, from the folder it came from; images
    of one's own are brought to the model's size, where they are pictures.

    Raises:
        ConfigError: the data set is unknown.
        DataError: it cannot be read.
    """
    if dataset is None and data_dir is None:
        data_dir = _config(model).get("data-dir")
    name = dataset or _trained_on(model)
    h, w = model.input_shape[1:] if len(model.input_shape) == 3 else (0, 0)
    train, test = data.load(name, data_dir, image_size=(h, w) if h and data.is_path(name) else None)
    chosen = train if part == "train" else test
    known = model.classes
    if known is not None and known != chosen.classes and set(known) <= set(chosen.classes):
        return chosen.select(classes=known)
    return chosen


def network(name: str, shape: Shape | None) -> tuple[Layer, Shape, int]:
    """Return the layers of a preset or a saved model, the shape of a sample, bytes of a number.

    shape: in place of the one that the preset or the model is made for.

    Raises:
        ConfigError, CheckpointError, ShapeError: there is no such model, or it does not fit.
    """
    path = Path(name)
    saved = path.exists() or path.suffix == ".safetensors" or len(path.parts) > 1
    if name not in names() and path.suffix != ".toml" and saved:
        model = open_model(name)
        return model.layers, shape or model.input_shape, numpy.dtype(model.dtype).itemsize
    found = preset(name)
    if shape is not None:
        found = found.for_data(shape, found.classes)
    return found.layers, found.input_shape, 4


def model_path(name: str) -> Path:
    """Return the model file of a run folder, or the file itself.

    Raises:
        CheckpointError: there is none.
    """
    path = Path(name)
    if path.is_dir():
        if not (path / MODEL).is_file():
            message = f"{path} is not a run folder: it has no {MODEL}"
            raise CheckpointError(hint(message, "a folder that `xpcnn train` named at its end"))
        return path / MODEL
    if not path.exists():
        message = f"{path}: there is no such run folder or model file"
        raise CheckpointError(hint(message, "the folder that `xpcnn train` named at its end"))
    return path


def _config(model: Model) -> dict[str, Any]:
    """Return the run that made the model, by the names of flags; empty where the file has none."""
    config = model.provenance.get("config")
    return config if isinstance(config, dict) else {}


def _trained_on(model: Model) -> str:
    """Return the name of the data set that the model's file names, or its path as it was given."""
    name = model.provenance.get("data")
    given = _config(model).get("dataset")
    if isinstance(given, str) and data.is_path(given):
        return given
    if name not in data.NAMES:
        message = "the model file does not say on which known data set the model was trained"
        raise ConfigError(hint(message, f"--dataset with {nearest('', data.NAMES)}"))
    return str(name)
