"""The data that a command works on: a part of a data set, read as the model's own was."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from xpcnn import data
from xpcnn.cli.flag_parsing import listed
from xpcnn.data import Dataset, stored
from xpcnn.data.csv_files.csv_columns import is_csv
from xpcnn.data.files import is_there, shown, user_path
from xpcnn.data.own_data import without_labels
from xpcnn.data.path_contents import has_columns
from xpcnn.errors import ConfigError, DataError, hint, nearest
from xpcnn.model import Model


class DataFlags(NamedTuple):
    """The flags that say which data a command works on.

    dataset: by default the one that the model was trained on, from the folder it came from.
    data_dir: folder of the files of a data set that has a name.
    part: "test", "validation", "train" or "all"; by default all of a file or folder that the model
        was not trained on, and the test part of any other data set. The validation part is the one
        that the run validated on, or that of the files that the model was not trained on.
    label_column, skip_damaged, stream: see `xpcnn.data.load`; by default as in training, for the
        data set that the model was trained on. stream is "yes" or "no".
    """

    dataset: str | None = None
    data_dir: str | None = None
    part: str | None = None
    label_column: str | None = None
    skip_damaged: bool | None = None
    stream: str | None = None


class Part(NamedTuple):
    """A part of a data set, and its name: "test", "validation", "train" or "all"."""

    images: Dataset
    name: str


def open_part(model: Model, flags: DataFlags) -> Part:
    """Return a part of a data set, its pictures read and its classes named as the model's.

    If the test part is not the one that the run was tested on, its notes say so.

    Raises:
        ConfigError: the data set is unknown, or it has no validation part.
        DataError: it cannot be read.
    """
    dataset, data_dir, part = flags.dataset, flags.data_dir, flags.part
    config = _config(model)
    if dataset is None and data_dir is None:
        data_dir = config.get("data-dir")
    name = dataset or _trained_on(model)
    own = data.is_path(name)
    if own and dataset is None and not is_there(user_path(name)):
        message = f"{shown(name)}: there is no such file or folder, and the model was trained on it"
        raise DataError(hint(message, "--dataset with where it is now, and --part test"))
    other = own and not _is_same(name, config.get("dataset"))
    if part is None:
        part = "all" if other else "test"
    options = _load_options(model, flags._replace(dataset=name, part=part), own, other)
    trained_on = not other if own else name.casefold() == model.provenance.get("data")
    if part == "validation":
        chosen = _validation_part(name, data_dir, options, config if trained_on else {})
    elif own and part == "all":
        chosen = data.load_whole(name, **options, classes=model.classes)
    else:
        trained = _choice(config) if trained_on and part == "train" else {}
        train, test = data.load(name, data_dir, **options, **trained)
        chosen = {"train": train, "test": test}.get(part) or joined(train, test)
    known = None if other or model.task.name != "classification" else model.classes
    if known is not None and known != chosen.classes and set(known) <= set(chosen.classes):
        chosen = chosen.select(classes=known)
    elif chosen.task == model.task.name != "classification":
        chosen = model.checked(chosen)  # with the columns of targets in the model's order
    tested = model.provenance.get("test_hash") if trained_on and part == "test" else None
    if tested not in (None, chosen.digest()):
        note = f"{name} has changed since the run: this is not the test part that it was tested "
        note += "on, and the run may have been trained on images in it"
        chosen = replace(chosen, notes=(*chosen.notes, note))
    return Part(chosen, part)


def _load_options(model: Model, flags: DataFlags, own: bool, other: bool) -> dict[str, Any]:
    """Return the arguments of `data.load` by which a data set is read: those of the run that made
    the model, if it was trained on this data set, where no flag says otherwise.

    flags: with the data set and the part that are meant.
    own: whether the data set is the user's own; other: whether the model was not trained on it.

    Raises:
        ConfigError: --stream would divide the data set otherwise than the run did.
    """
    name, stream, task = str(flags.dataset), flags.stream, model.task.name
    recorded = {} if other else _config(model)
    column = flags.label_column or recorded.get("label-column")
    if column is None and own and task != "classification":
        column = _columns_of_others(Path(os.path.expanduser(name)), model)
    streamed = None if other else recorded.get("stream", "no")
    if streamed and own and flags.part != "all" and stream not in (None, streamed):
        message = f"--stream {stream} may divide {name} into other parts than the run, which "
        message += "read all images first" if streamed == "no" else "streamed"
        raise ConfigError(hint(message, f"--stream {streamed}, or --part all"))
    return {
        "image_size": model.input_shape[1:] if own and len(model.input_shape) == 3 else None,
        "reading": model.reading,
        "label_column": column,
        "task": task if own else None,
        "skip_damaged": bool(flags.skip_damaged or recorded.get("skip-damaged")),
        "stream": {"yes": True, "no": False}.get(stream or streamed or ""),
    }


def _columns_of_others(path: Path, model: Model) -> Any:
    """Return the columns that hold the targets in other files than those the model was trained on;
    None if the files have no columns.
    """
    if is_csv(path) or os.path.isfile(path / "train.csv"):
        return model.classes
    return _config(model).get("label-column") if has_columns(path) else None


def _validation_part(
    name: str, data_dir: str | None, options: dict[str, Any], config: dict[str, Any]
) -> Dataset:
    """Return the validation part of a run or, without its configuration, that of the files.

    Raises:
        ConfigError: there is none.
    """
    asked = config.get("validation")
    whole, validation, _ = data.load_parts(
        name,
        data_dir,
        **options,
        validation=asked if isinstance(asked, str) else None,
        **_choice(config),
    )
    if "folds" in config:
        _, validation = data.fold(whole, config.get("fold", 1), config["folds"], config["seed"])
    elif isinstance(asked, int | float):
        _, validation = data.split(whole, asked, config.get("seed", 0))
    if validation is None:
        message = f"{name} has no validation part"
        raise ConfigError(hint(message, "--part test, or --dataset with what to evaluate on"))
    return validation


def _choice(config: dict[str, Any]) -> dict[str, Any]:
    """Return which of the training samples a run took, as arguments of `data.load`."""
    classes = config.get("classes")
    return {
        "classes": None if classes is None else listed(classes),
        "limit": config.get("limit"),
        "limit_per_class": config.get("limit-per-class"),
    }


def open_rows(model: Model, flags: DataFlags) -> tuple[Part, bool]:
    """Return a part of a data set, as `open_part`, and whether it has labels: CSV and .npz
    files may not.

    Raises:
        ConfigError: the data set is unknown.
        DataError: it cannot be read.
    """
    dataset = flags.dataset
    same = dataset is not None and _is_same(dataset, _config(model).get("dataset"))
    if (
        dataset is not None
        and flags.label_column is None
        and not same
        and len(model.input_shape) == 3
    ):
        path = Path(os.path.expanduser(dataset))
        size = (model.input_shape[1], model.input_shape[2])
        if data.is_path(dataset) and (found := without_labels(path, size)) is not None:
            images, notes = found
            nothing = numpy.zeros(len(images), numpy.int64)
            rows = Dataset.from_arrays(images, nothing, ["?"], path.name)
            return Part(replace(rows, notes=notes), "all"), False
    return open_part(model, flags), True


def joined(first: Dataset, second: Dataset) -> Dataset:
    """Return the images of both parts of a data set, as one."""
    return replace(
        first,
        images=stored.joined([first.images, second.images]),
        labels=numpy.concatenate([first.labels, second.labels]),
    )


def divided_otherwise(model: Model, dataset: str, parts: data.Parts) -> bool:
    """Whether a model was trained on some images of this test part: it was trained on the same
    files, but another test part was split off, by hashes of names for a stream and of pixels
    otherwise.
    """
    config, train = _config(model), parts.train
    if parts.test.name == train.name or not _is_same(dataset, config.get("dataset")):
        return False
    streamed = isinstance(train.images, stored.Stored)
    if streamed != (config.get("stream") == "yes"):
        return True
    return not streamed and train.reading not in (None, model.reading)


def _is_same(dataset: str, trained_on: Any) -> bool:
    """Whether a path is the one that a model was trained on."""
    try:
        return isinstance(trained_on, str) and Path(os.path.expanduser(dataset)).samefile(
            trained_on
        )
    except (OSError, ValueError):
        return False


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
