"""The sample that `xpcnn explain` is about: of a picture file, or of a data set."""

import os
from typing import NamedTuple

import numpy

from xpcnn.cli.data_parts import DataFlags, open_part
from xpcnn.data.drawn import value_range
from xpcnn.data.picture_files import require_pillow
from xpcnn.data.pictures import Invert, read_picture
from xpcnn.errors import ConfigError, counted, hint
from xpcnn.model import Model
from xpcnn.model_facts import reading_of
from xpcnn.report.target_samples import listed


class Chosen(NamedTuple):
    """A raw sample (c, h, w), and what the page says of it; see `report.explain.explained`."""

    sample: numpy.ndarray
    title: str
    value_range: tuple[float, float]
    true: str | None
    notes: list[str]


def sample_of_file(model: Model, path: str, invert: Invert) -> Chosen:
    """Return a picture file as a sample.

    Raises:
        XpcnnError: Pillow is missing, the file is not a picture, or the model does not take images.
    """
    reading = reading_of(model)
    require_pillow()
    if os.path.isdir(path):
        message = f"{path} is a folder, and a page is about one picture"
        raise ConfigError(hint(message, "a picture in it; xpcnn predict takes folders"))
    found = read_picture(path, reading, invert)
    done = [word for word in ("framed", "inverted") if getattr(found, word)]
    notes = [f"The picture was {' and '.join(done)}, as drawings for this model are."] * bool(done)
    if found.blank:
        notes.append("Nothing is drawn on the picture.")
    return Chosen(found.sample, path, value_range(found.sample), None, notes)


def sample_of_data(
    model: Model, row: int, dataset: str | None, data_dir: str | None, part: str | None
) -> Chosen:
    """Return a row of a data set as a sample.

    Raises:
        XpcnnError: the data cannot be read or hold no images, or there is no such row.
    """
    reading_of(model)  # rejects models of features
    images, part = open_part(model, DataFlags(dataset, data_dir, part))
    if row >= len(images):
        many = counted(len(images), "sample")
        message = f"--row is {row}, and the {part} part of {images.name} has {many}"
        raise ConfigError(hint(message, f"a row from 0 to {len(images) - 1}"))
    label = images.labels[row]
    if images.task == "classification":
        true = images.classes[label]
    else:
        true = listed(images.classes, label, images.task == "multi-label", len(images.classes))
    title = f"row {row} of {images.name}, {part} part"
    return Chosen(images.images[row], title, value_range(images.images), true, [])
