"""What a run needs, made from its flags: all of it before the run folder is created."""

import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

from xpcnn import data, engines
from xpcnn.cli.data_parts import divided_otherwise
from xpcnn.cli.flag_parsing import image_size, numbers
from xpcnn.cli.flag_values import Flags
from xpcnn.cli.model_opening import model_path, open_backend, open_init
from xpcnn.cli.output import announced
from xpcnn.cli.request import Request
from xpcnn.cli.run_folder import CHECKPOINTS
from xpcnn.cli.settings import Settings, resolve, run_table
from xpcnn.config import toml
from xpcnn.config.preset import Preset
from xpcnn.config.tables import to_config
from xpcnn.config.training_options import check_task, check_validation
from xpcnn.data import Dataset
from xpcnn.data.files import user_path
from xpcnn.data.reading import Arrays, Drawn, Pictures, Reading, Size, observed
from xpcnn.data.stored import Stored, goes_by_names
from xpcnn.data.streams.packed import is_packed
from xpcnn.errors import ConfigError, DataError, ShapeError, hint, reason_of
from xpcnn.io.foreign.weights import is_foreign
from xpcnn.io.weight_transfer import LoadedWeights, take_weights
from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.models.preset_of_model import preset_of
from xpcnn.options import find
from xpcnn.training import Checkpoints
from xpcnn.training.last_batch import check_last_batch
from xpcnn.training.memory_check import check_memory
from xpcnn.training.recipe import recipe_for
from xpcnn.types import TaskName

VALIDATION = 0.1
"""The fraction of the training images that is validated on by default."""

_COLOURS = {"L": "grey", "RGB": "in colour", "I;16": "grey of 16 bits", "F": "floats or 32 bits"}


class Plan(NamedTuple):
    """What a run needs.

    flags: those given, with choices where none was given.
    config: the table of the config.toml that repeats the run.
    init, loaded: the model file whose weights the run starts from, and which of its layers were
        taken; None for new weights.
    """

    model: Model
    settings: Settings
    flags: Flags
    config: dict[str, Any]
    train: Dataset
    validation: Dataset | None
    test: Dataset
    checkpoints: Checkpoints
    init: Path | None
    loaded: LoadedWeights | None

    @property
    def data(self) -> list[Dataset]:
        """The parts of the data."""
        return [part for part in (self.train, self.validation, self.test) if part is not None]


def prepare(request: Request) -> Plan:
    """Open the backend, read the data, build the model; writes nothing.

    Raises:
        XpcnnError: the request or the data are rejected.
    """
    flags = request.flags
    library = open_backend(flags.backend, flags.device, flags.tf32)
    source = None if flags.init is None else open_init(flags.init, flags.model)
    given = None
    if flags.model is not None:
        given = preset(flags.model)
    elif source is not None:
        given = preset_of(source, "init")
    foreign = flags.init is not None and is_foreign(flags.init)
    continues = source if foreign or flags.model is None else None
    own = data.is_path(flags.dataset)
    if own and given is not None and flags.image_size is not None:
        _check_size(request, given, flags.image_size)
    with announced(f"reading {flags.dataset}", flags.quiet) if own else nullcontext():
        parts = _read(flags, continues)
    whole, validation, test = parts
    if source is not None and divided_otherwise(source, flags.dataset, parts):
        note = f"{flags.init} was trained on some of these test images: with another --image-size, "
        note += "--image-fit or --stream, other images were set aside"
        whole = replace(whole, notes=(*whole.notes, note))
    by_hash = flags.folds is not None or (validation is None and flags.validation != 0)
    if goes_by_names(whole.images) and (by_hash or test.name != whole.name):
        note = "parts are set aside by hashes of the names of the pictures; of pictures in memory "
        note += "(--stream no) by hashes of their pixels, so that other pictures are in them"
        whole = replace(whole, notes=(*whole.notes, note))
    own_pictures = own and isinstance(whole.reading, Pictures)
    if flags.image_size is None and own_pictures:  # the run's file says what was chosen
        flags = replace(flags, image_size=",".join(map(str, whole.shape[1:])))
    if isinstance(whole.images, Stored):  # parts are set aside by names
        flags = replace(flags, stream="yes")
    train = whole
    if flags.folds is not None:
        train, validation = data.fold(whole, flags.fold or 1, flags.folds, flags.seed)
    elif validation is None:
        part = flags.validation if isinstance(flags.validation, float) else VALIDATION
        flags = replace(flags, validation=part)
        train, validation = data.split(whole, part, flags.seed)
    settings = resolve(request, given, whole)
    layers, processes = settings.preset.layers, engines.opened_group().size
    tight = check_memory(
        layers, train.shape, flags.dtype, library, len(train), settings.training, processes
    )
    if tight is not None:
        train = replace(train, notes=(*train.notes, tight))
    model = Model(
        layers,
        input_shape=train.shape,
        backend=library,
        seed=flags.seed,
        loss=settings.preset.loss,
        classes=train.classes,
        dtype=flags.dtype,
        task=settings.preset.task,
    )
    if flags.thresholds not in (None, "best"):
        model.set_thresholds(numbers(flags.thresholds))
    elif flags.thresholds is not None and (validation is None or model.task.name != "multi-label"):
        message = "the best thresholds are those of several labels on a validation part"
        raise ConfigError(hint(message, "--thresholds 0.5,0.3,..., or leave it out"))
    init = loaded = None
    if source is not None and flags.init is not None:
        init = model_path(flags.init)
        known = () if foreign else source.classes  # of weights of PyTorch, the head is not taken
        loaded = take_weights(model.network, source.network, flags.init, model.classes, known)
    if loaded is not None and settings.training.unfreeze_after is not None:
        settings = settings.frozen(loaded.taken)
    config = run_table(_with_absolute_paths(flags), settings.training)
    toml.write(config)  # rejects now what the run folder could not hold
    to_config(model.layers)  # rejects now what could not be saved in the end
    model.reading = whole.reading or observed(whole.images)
    recipe_for(model.network, settings.training, model.seed)  # rejects patterns that fit nothing
    check_validation(settings.training, validation is not None)
    check_task(settings.training, model.task)
    check_last_batch(model.network, len(train), settings.training, processes)
    checkpoints = Checkpoints(
        CHECKPOINTS,
        every_steps=flags.checkpoint_steps,
        every_seconds=flags.checkpoint_seconds,
    )
    return Plan(model, settings, flags, config, train, validation, test, checkpoints, init, loaded)


def _check_size(request: Request, given: Preset, size: str) -> None:
    """Require that a network fits pictures of a size, before they are read.

    Raises:
        ShapeError: it does not.
    """
    found, shape = image_size(size), given.input_shape
    changed = any(change.path[0] == "layers" for change in request.changes)
    if found is None or 0 in found or len(shape) < 3 or changed:
        return  # seen later
    try:
        given.for_data((shape[0], *found), given.classes)
    except ShapeError as error:
        advice = f"--image-size {shape[1]},{shape[2]}, for which {given.name} is made"
        raise ShapeError(hint(reason_of(error), advice)) from error


def _read(flags: Flags, source: Model | None) -> data.Parts:
    """Return the parts of the data; the validation part of its files only where it is used.

    A fraction that is given overrides the validation part of the data set. source: the model whose
    network is trained on: pictures are read as its were, unless flags say otherwise.
    """
    asked = flags.validation
    if flags.folds is not None and asked is not None:
        message = "folds and validation both say what to validate on"
        raise ConfigError(hint(message, "--folds without --validation"))
    if flags.fold is not None and flags.folds is None:
        advice = f"--folds {max(5, flags.fold)} --fold {max(1, flags.fold)}"
        raise ConfigError(hint("fold is given without folds", advice))
    names = None if flags.classes is None else [name.strip() for name in flags.classes.split(",")]
    size, reading = _as_before(flags, source)
    parts = data.load_parts(
        flags.dataset,
        flags.data_dir,
        validation=asked if isinstance(asked, str) else None,
        classes=names,
        limit=flags.limit,
        limit_per_class=flags.limit_per_class,
        image_size=size,
        image_fit=flags.image_fit,
        reading=reading,
        label_column=flags.label_column,
        task=task_name(flags.task),
        skip_damaged=bool(flags.skip_damaged),
        stream=None if flags.stream is None else flags.stream == "yes",
    )
    if reading is not None and parts.train.reading == reading:
        note = _how_read(reading, flags.init)
        parts = parts._replace(train=replace(parts.train, notes=(*parts.train.notes, note)))
    if len(parts.train.classes) == 1 and parts.train.task == "classification":
        message = f"{flags.dataset}: holds images of one class only, {parts.train.classes[0]!r}"
        raise DataError(hint(f"{message}, expected two or more", "images of a second class too"))
    if parts.validation is not None and (isinstance(asked, float) or flags.folds is not None):
        given = f"--folds is {flags.folds}" if asked is None else f"--validation is {asked:g}"
        note = f"the validation part of {parts.train.name} is not used: {given}"
        train = replace(parts.train, notes=(*parts.train.notes, note))
        return parts._replace(train=train, validation=None)
    return parts


def _as_before(flags: Flags, source: Model | None) -> tuple[Size | None, Reading | None]:
    """Return the size of images, and how pictures are read: as those of `source`, if there is one.

    A folder that `xpcnn pack` wrote is read as it is; so are pictures for a model of arrays whose
    black and white are not known.
    """
    size = image_size(flags.image_size)
    own = data.is_path(flags.dataset) and not is_packed(user_path(flags.dataset))
    if source is None or not own or len(source.input_shape) != 3:
        return size, None
    size = size or (source.input_shape[1], source.input_shape[2])
    if flags.image_fit is not None and isinstance(source.reading, Arrays | Drawn):
        message = f"{flags.init} was trained on arrays: it takes pictures whole"
        raise ConfigError(hint(message, "leave --image-fit (image_fit) out"))
    match source.reading:
        case Pictures(fit=fit) as pictures:
            return size, replace(pictures, size=size, fit=flags.image_fit or fit)
        case Drawn() as drawn:
            return size, replace(drawn, size=size)
        case Arrays(sample=(c, _, _), low=float()) as arrays:
            return size, replace(arrays, sample=(c, *size))
    return size, None


def _how_read(reading: Reading, init: str | None) -> str:
    """Return the note on pictures that are read as those of the model of `--init`."""
    h, w = reading.shape[1:]
    if isinstance(reading, Pictures):
        told = f"{_COLOURS[reading.mode]}, {h} x {w}, --image-fit {reading.fit}"
        return f"pictures are read as those of {init} were: {told}"
    assert isinstance(reading, Arrays | Drawn)
    told = f"{h} x {w}, black is {reading.low:g} and white {reading.high:g}"
    if isinstance(reading, Drawn):
        told += f"; drawings are framed, and inverted where their ground is not {reading.ground}"
    return f"pictures are read as the arrays of {init} were: {told}"


def task_name(name: str | None) -> Any:
    """Return the name of a task, whatever its case; others as they are, for the error of `data`."""
    return find(name, get_args(TaskName)) or name


def _with_absolute_paths(flags: Flags) -> Flags:
    """Return flags that find the same data from any folder, so that a run is resumed from any."""

    def absolute(path: str) -> str:
        return str(Path(os.path.expanduser(path)).absolute())

    dataset, data_dir, validation = flags.dataset, flags.data_dir, flags.validation
    return replace(
        flags,
        dataset=absolute(dataset) if data.is_path(dataset) else dataset,
        data_dir=data_dir and absolute(data_dir),
        validation=absolute(validation) if isinstance(validation, str) else validation,
    )
