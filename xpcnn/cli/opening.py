"""From names on the command line to a saved model, and to the data that it can be tried on."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from xpcnn import data
from xpcnn.cli.options import device_name, listed
from xpcnn.data import Dataset
from xpcnn.data.files import shown
from xpcnn.data.paths import is_unlabelled, unlabelled
from xpcnn.errors import CheckpointError, ConfigError, hint, nearest
from xpcnn.layers import Layer, Sequential
from xpcnn.model import Model
from xpcnn.model_files import load_model
from xpcnn.models import names, preset
from xpcnn.models.saved import preset_of
from xpcnn.runs.record import MODEL
from xpcnn.training import TrainingOptions
from xpcnn.types import Shape


def open_model(name: str, backend: str = "numpy", device: str | None = None) -> Model:
    """Return the model of a run folder or a model file.

    Raises:
        CheckpointError: there is none, or it cannot be read.
        BackendError: the backend cannot be used here.
    """
    return load_model(model_path(name), backend=backend, device=device_name(device))


class Part(NamedTuple):
    """A part of a data set, and its name: "test", "validation", "train" or "all"."""

    images: Dataset
    name: str


def open_part(
    model: Model,
    dataset: str | None,
    data_dir: str | None,
    part: str | None = None,
    label_column: str | None = None,
    skip_damaged: bool | None = None,
) -> Part:
    """Return a part of a data set, its pictures read and its classes named as the model's.

    Args:
        dataset: by default the one that the model was trained on, from the folder it came from.
        part: "test", "validation", "train" or "all"; by default all of a file or folder that the
            model was not trained on, and the test part of any other data set. The validation part
            is the one that the run validated on, or that of the files that the model was not
            trained on.
        label_column, skip_damaged: see `xpcnn.data.load`; by default as in training, for the data
            set that the model was trained on.

    Raises:
        ConfigError: the data set is unknown, or it has no validation part.
        DataError: it cannot be read.
    """
    config = _config(model)
    if dataset is None and data_dir is None:
        data_dir = config.get("data-dir")
    name = dataset or _trained_on(model)
    own = data.is_path(name)
    other = own and not _is_same(name, config.get("dataset"))
    if part is None:
        part = "all" if other else "test"
    image_size = model.input_shape[1:] if own and len(model.input_shape) == 3 else None
    options: dict[str, Any] = {"image_size": image_size, "reading": model.reading}
    recorded = {} if other else config
    options["label_column"] = label_column or recorded.get("label-column")
    options["skip_damaged"] = bool(skip_damaged or recorded.get("skip-damaged"))
    if part == "validation":
        trained_on = not other if own else name.casefold() == _trained_on(model)
        chosen = _validation_part(name, data_dir, options, config if trained_on else {})
    elif own and part == "all":
        chosen = data.load_whole(name, **options, classes=model.classes)
    else:
        train, test = data.load(name, data_dir, **options)
        chosen = {"train": train, "test": test}.get(part) or joined(train, test)
    known = None if other else model.classes
    if known is not None and known != chosen.classes and set(known) <= set(chosen.classes):
        chosen = chosen.select(classes=known)
    return Part(chosen, part)


def _validation_part(
    name: str, data_dir: str | None, options: dict[str, Any], config: dict[str, Any]
) -> Dataset:
    """Return what a run validated on; without its configuration, the part that the files hold.

    Raises:
        ConfigError: there is none.
    """
    asked, classes = config.get("validation"), config.get("classes")
    whole, validation, _ = data.load_parts(
        name,
        data_dir,
        **options,
        validation=asked if isinstance(asked, str) else None,
        classes=None if classes is None else listed(classes),
        limit=config.get("limit"),
        limit_per_class=config.get("limit-per-class"),
    )
    if "folds" in config:
        _, validation = data.fold(whole, config.get("fold", 1), config["folds"], config["seed"])
    elif isinstance(asked, int | float):
        _, validation = data.split(whole, asked, config.get("seed", 0))
    if validation is None:
        message = f"{name} has no validation part"
        raise ConfigError(hint(message, "--part test, or --dataset with what to evaluate on"))
    return validation


def open_rows(
    model: Model,
    dataset: str | None,
    data_dir: str | None,
    part: str | None = None,
    label_column: str | None = None,
    skip_damaged: bool | None = None,
) -> tuple[Part, bool]:
    """Return a part of a data set, as `open_part`, and whether it has labels: CSV files may not.

    Raises:
        ConfigError: the data set is unknown.
        DataError: it cannot be read.
    """
    same = dataset is not None and _is_same(dataset, _config(model).get("dataset"))
    if dataset is not None and label_column is None and not same and len(model.input_shape) == 3:
        path = Path(os.path.expanduser(dataset))
        size = (model.input_shape[1], model.input_shape[2])
        if data.is_path(dataset) and is_unlabelled(path, size):
            images = unlabelled(path, size).images
            nothing = numpy.zeros(len(images), numpy.int64)
            return Part(Dataset.from_arrays(images, nothing, ["?"], path.name), "all"), False
    return open_part(model, dataset, data_dir, part, label_column, skip_damaged), True


def joined(first: Dataset, second: Dataset) -> Dataset:
    """Return the images of both parts of a data set, as one."""
    return replace(
        first,
        images=numpy.concatenate([first.images, second.images]),
        labels=numpy.concatenate([first.labels, second.labels]),
    )


def network(name: str, shape: Shape | None) -> tuple[Layer, Shape, int]:
    """Return the layers of a preset or a saved model, the shape of a sample, bytes of a number.

    shape: in place of the one that the preset or the model is made for.

    Raises:
        ConfigError, CheckpointError, ShapeError: there is no such model, or it does not fit.
    """
    if is_saved(name):
        model = open_model(name)
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
        model = open_model(name)
        if not isinstance(model.layers, Sequential):
            return model, TrainingOptions()
        return model, preset_of(model, name).training
    found = preset(name)
    shape, loss = found.input_shape, found.loss
    return Model(found.layers, input_shape=shape, loss=loss, seed=seed), found.training


def _is_same(dataset: str, trained_on: Any) -> bool:
    """Whether a path is the one that a model was trained on."""
    try:
        return isinstance(trained_on, str) and Path(os.path.expanduser(dataset)).samefile(
            trained_on
        )
    except (OSError, ValueError):
        return False


def model_path(name: str) -> Path:
    """Return the model file of a run folder, or the file itself.

    Raises:
        CheckpointError: there is none.
    """
    path = Path(name)
    if os.path.isdir(path):
        if not (path / MODEL).is_file():
            message = f"{path} is not a run folder: it has no {MODEL}"
            raise CheckpointError(hint(message, "a folder that `xpcnn train` named at its end"))
        return path / MODEL
    if not os.path.exists(path):
        message = f"{shown(path)}: there is no such run folder or model file"
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
