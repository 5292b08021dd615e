"""Predictions for picture files, given by name or by the folders they are in."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy

from xpcnn.cli.predictions import Predictions
from xpcnn.cli.target_predictions import TargetPredictions
from xpcnn.data.loading import is_data_file
from xpcnn.data.picture_files import InMemory, has_picture_name, require_pillow
from xpcnn.data.pictures import Invert, check_reading, read_picture
from xpcnn.errors import DataError, counted, hint
from xpcnn.model import Model
from xpcnn.model_facts import class_names, reading_of

_AT_ONCE = 256  # pictures in memory
_MOST_BYTES = 1 << 28  # of a picture on standard input


class Given(NamedTuple):
    """A picture file; named: by the user, and not found in a folder."""

    path: str
    named: bool


@dataclass(frozen=True)
class Failure:
    """A file that cannot be read as a picture, and why; named: by the user."""

    image: str
    error: str
    named: bool


def gather(names: Sequence[str]) -> tuple[list[Given], int]:
    """Return the picture files, in order, and how many other files the folders hold.

    names: of files and folders, "-" for standard input. A file that is named is taken for a
        picture, whatever its ending; of the files in a folder, and in the folders in it, those with
        the ending of a picture are.

    Raises:
        DataError: a folder holds no picture, or cannot be read; or a file holds many samples.
    """
    found: list[Given] = []
    others = 0
    for name in names:
        if is_data_file(name):
            message = f"{name}: is a file of data, not a picture"
            raise DataError(hint(message, f"--rows : --dataset {shlex.quote(name)}"))
        if not os.path.isdir(name):
            found.append(Given(name, named=True))
            continue
        files = list(_files(name))
        pictures = [path for path in files if has_picture_name(path)]
        if not pictures:
            message = f"{name}: holds no pictures, of {counted(len(files), 'file')} in it"
            raise DataError(hint(message, "a folder with PNG or JPEG files"))
        others += len(files) - len(pictures)
        found += [Given(path, named=False) for path in pictures]
    return found, others


def of_pictures(
    model: Model, given: Sequence[Given], invert: Invert, frame: bool, views: Sequence[str]
) -> tuple[Predictions | TargetPredictions, list[Failure]]:
    """Return what the model sees in picture files, on average over views, and what went wrong.

    Raises:
        DataError: Pillow is missing, or the model takes no images.
        ConfigError: no picture can be read for the model, or not inverted.
        CheckpointError: the model does not know how its samples were read.
    """
    reading = reading_of(model)
    check_reading(reading, invert)
    require_pillow()
    names: list[str] = []
    marks: list[dict[str, bool]] = []
    failures: list[Failure] = []
    parts = [numpy.empty((0, len(class_names(model))), numpy.float32)]
    for start in range(0, len(given), _AT_ONCE):
        samples = []
        for item in given[start : start + _AT_ONCE]:
            try:
                picture = read_picture(_opened(item.path), reading, invert, frame)
            except DataError as error:
                failures.append(Failure(item.path, str(error), item.named))
                continue
            names.append(item.path)
            samples.append(picture.sample)
            done = ("framed", "inverted", "blank")
            marks.append({mark: bool(getattr(picture, mark)) for mark in done})
        if samples:
            parts.append(model.estimates(numpy.stack(samples), views=views))
    p, columns = numpy.concatenate(parts), class_names(model)
    if model.task.name != "classification":
        return TargetPredictions("image", names, columns, model.task, p, marks=marks), failures
    return Predictions("image", names, columns, p, marks=marks), failures


def _opened(path: str) -> str | InMemory:
    """Return a path, or the picture on standard input for "-"."""
    if path != "-":
        return path
    return InMemory("-", b"" if sys.stdin is None else sys.stdin.buffer.read(_MOST_BYTES))


def _files(folder: str) -> Iterator[str]:
    """Yield the files of a folder and of those in it, by name, without the hidden ones."""

    def fail(error: OSError) -> None:
        message = f"{error.filename}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, "check the path and who may read it")) from error

    for place, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield os.path.join(place, name)
