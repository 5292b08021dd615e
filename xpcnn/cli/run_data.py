"""The data of a run: its parts, read and divided as the flags say."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any, NamedTuple, get_args

from xpcnn import data
from xpcnn.cli.data_parts import divided_otherwise
from xpcnn.cli.flag_parsing import image_size
from xpcnn.cli.flag_values import Flags
from xpcnn.cli.output import announced
from xpcnn.data import Dataset
from xpcnn.data.files import user_path
from xpcnn.data.reading import Arrays, Drawn, Pictures, Reading, Size
from xpcnn.data.stored import Stored, goes_by_names
from xpcnn.data.streams.packed import is_packed
from xpcnn.errors import ConfigError, DataError, hint
from xpcnn.io.foreign.weights import is_foreign
from xpcnn.model import Model
from xpcnn.options import find
from xpcnn.types import TaskName

VALIDATION = 0.1
"""The fraction of the training images that is validated on by default."""

_COLOURS = {"L": "grey", "RGB": "in colour", "I;16": "grey of 16 bits", "F": "floats or 32 bits"}


class RunData(NamedTuple):
    """The parts of the data of a run.

    whole: what the training and the validation part were divided from; where the files have a
        validation part of their own, the training part.
    flags: those given, with what was chosen for the data where none was given.
    """

    whole: Dataset
    train: Dataset
    validation: Dataset | None
    test: Dataset
    flags: Flags


def with_note(dataset: Dataset, note: str) -> Dataset:
    """Return a data set with one more note for the user."""
    return replace(dataset, notes=(*dataset.notes, note))


def read_data(flags: Flags, source: Model | None) -> RunData:
    """Read the data of a run, and divide them; notes say what the user may not expect.

    source: the model whose weights the run starts from.

    Raises:
        XpcnnError: the flags or the data are rejected.
    """
    own = data.is_path(flags.dataset)
    continues = flags.model is None or (flags.init is not None and is_foreign(flags.init))
    with announced(f"reading {flags.dataset}", flags.quiet) if own else nullcontext():
        parts = _read(flags, source if continues else None)
    if own or data.known(flags.dataset) == "digits":  # which are in no folder
        flags = replace(flags, data_dir=None)  # a variable may give it
    whole, validation, test = parts
    if source is not None and divided_otherwise(source, flags.dataset, parts):
        note = f"{flags.init} was trained on some of these test images: with another --image-size, "
        note += "--image-fit or --stream, other images were set aside"
        whole = with_note(whole, note)
    by_hash = flags.folds is not None or (validation is None and flags.validation != 0)
    if goes_by_names(whole.images) and (by_hash or test.name != whole.name):
        note = "parts are set aside by hashes of the names of the pictures; of pictures in memory "
        note += "(--stream no) by hashes of their pixels, so that other pictures are in them"
        whole = with_note(whole, note)
    if flags.image_size is None and own and isinstance(whole.reading, Pictures):
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
    return RunData(whole, train, validation, test, flags)


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
        parts = parts._replace(train=with_note(parts.train, note))
    if len(parts.train.classes) == 1 and parts.train.task == "classification":
        message = f"{flags.dataset}: holds images of one class only, {parts.train.classes[0]!r}"
        raise DataError(hint(f"{message}, expected two or more", "images of a second class too"))
    if parts.validation is not None and (isinstance(asked, float) or flags.folds is not None):
        given = f"--folds is {flags.folds}" if asked is None else f"--validation is {asked:g}"
        note = f"the validation part of {parts.train.name} is not used: {given}"
        return parts._replace(train=with_note(parts.train, note), validation=None)
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
        how = f"{_COLOURS[reading.mode]}, {h} x {w}, --image-fit {reading.fit}"
        return f"pictures are read as those of {init} were: {how}"
    assert isinstance(reading, Arrays | Drawn)
    how = f"{h} x {w}, black is {reading.low:g} and white {reading.high:g}"
    if isinstance(reading, Drawn):
        how += f"; drawings are framed, and inverted where their ground is not {reading.ground}"
    return f"pictures are read as the arrays of {init} were: {how}"


def task_name(name: str | None) -> Any:
    """Return the name of a task, whatever its case; others as they are, for the error of `data`."""
    return find(name, get_args(TaskName)) or name
