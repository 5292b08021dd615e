"""Folders of pictures that `xpcnn pack` has decoded: what lies where.

A folder with `pack.json`, which says how the pictures were read, and for each part of the data set
files of NumPy's: images (n, c, h, w) in the shards `train-00000.npy`, `train-00001.npy`, ..., and
`train_labels.npy` and `train_words.npy`, hashes of the pictures' names; where some pictures were
damaged, `train_damaged.json` has the number of each, and what was wrong. Parts, mean and deviation,
and the identity of a run depend on the names of pictures, as for a `Stream`, so that runs on a pack
and on the stream of the same pictures are equal to the last bit.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from xpcnn.data.files import open_regular
from xpcnn.data.folder_tree import Name
from xpcnn.data.images import Part
from xpcnn.data.reading import WHITE, Arrays, Fit, Mode, Pictures, Reading, Resampling
from xpcnn.data.stored import Images
from xpcnn.data.streams.packed_images import Packed, Shards, read_array, shard_sizes
from xpcnn.errors import ConfigError, DataError, hint
from xpcnn.types import TaskName

FILE = "pack.json"
FORMAT = 2  # 1 had no shards

_MOST = 1 << 26  # bytes of pack.json
_AGAIN = "xpcnn pack again, into another folder"


class Pack(NamedTuple):
    """What `pack.json` says.

    reading: how the pictures were read.
    classes: names of the classes, or of the targets.
    images: number of images of each part.
    shard: number of images of each shard of a part; the last may have fewer.
    source: a hash of the index of the pictures.
    complete: whether all of them are packed.
    task: what the labels are.
    """

    reading: Pictures
    classes: tuple[str, ...]
    images: Mapping[Name, int]
    shard: int
    source: str
    complete: bool
    task: TaskName = "classification"

    @property
    def shards(self) -> int:
        """The number of shards of all parts."""
        return sum(len(shard_sizes(count, self.shard)) for count in self.images.values())

    def as_json(self) -> str:
        """Return the content of the file."""
        table = self._asdict() | {"reading": asdict(self.reading), "images": dict(self.images)}
        return json.dumps({"format": FORMAT, **table}, indent=1)


def is_packed(path: Path) -> bool:
    """Whether a path is a folder that `xpcnn pack` wrote, or began to write."""
    return os.path.isfile(path / FILE)


def read(
    folder: Path, reading: Reading | None, stream: bool | None
) -> tuple[dict[Name, Part], Pack]:
    """Return images and labels of each part, and what `pack.json` says.

    Damaged pictures are left out if there are targets, or if images are read into memory.
    Otherwise, others of their classes are read in their place, as in a `Stream`.

    reading: how the model's samples were read; the pack must have been read in the same way.
    stream: False reads the images into memory.

    Raises:
        DataError: the folder is not what `xpcnn pack` writes, or is not complete.
        ConfigError: the pictures were read in another way.
    """
    pack = described(folder)
    if not pack.complete:
        message = f"{folder}: not all pictures are packed"
        raise DataError(hint(message, "the same xpcnn pack again, which continues from there"))
    if not (reading is None or reading == pack.reading or _is_plain(reading, pack.reading)):
        message = f"{folder}: is packed as {pack.reading}, and the model reads {reading}"
        raise ConfigError(hint(message, "the folder of pictures in place of the packed one"))
    parts: dict[Name, Part] = {}
    for part, count in pack.images.items():
        sample, dtype = pack.reading.shape, np.dtype(pack.reading.dtype)
        shards = Shards(folder, part, count, pack.shard, sample, dtype)
        columns = () if pack.task == "classification" else (len(pack.classes),)
        kind = np.dtype(np.float64 if columns else np.int64)
        labels = read_array(folder / f"{part}_labels.npy", kind, (count, *columns))
        name_hashes = read_array(folder / f"{part}_words.npy", np.dtype(np.uint64), (count,))
        damaged = read_damaged(folder, part, count)
        rows = np.arange(count)
        if columns or stream is False:
            rows = np.setdiff1d(rows, list(damaged))
        images: Images = Packed(shards, pack.reading, name_hashes, labels, damaged, rows)
        parts[part] = (images[:] if stream is False else images), labels[rows]
    return parts, pack


def read_damaged(folder: Path, part: str, count: int) -> dict[int, DataError]:
    """Return what was wrong with pictures of a part that could not be read, by their numbers.

    Raises:
        DataError: the file that says so is not what `xpcnn pack` writes.
    """
    path = damaged_path(folder, part)
    if not path.exists():
        return {}
    with open_regular(path) as file:
        text = file.read(_MOST)
    try:
        table = json.loads(text)
        advice = f"a picture in its place, and {_AGAIN}"
        found = {int(i): DataError(hint(str(reason), advice)) for i, reason in table.items()}
        if not all(0 <= number < count for number in found):
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(hint(f"{path}: is not what xpcnn pack writes", _AGAIN)) from error
    return found


def damaged_path(folder: Path, part: str) -> Path:
    """Return the path of the file that says which pictures of a part are damaged."""
    return folder / f"{part}_damaged.json"


def _is_plain(reading: Reading, packed: Pictures) -> bool:
    """Whether a model of arrays takes pictures as they are packed: whole, of 8 bits."""
    h, w = packed.size
    c = 3 if packed.mode == "RGB" else 1
    plain = packed.mode in ("L", "RGB") and packed.fit == "pad"
    return plain and reading == Arrays((c, h, w), 0.0, WHITE["L"])


def described(folder: Path) -> Pack:
    """Return what `pack.json` in a folder says.

    Raises:
        DataError: it is not what `xpcnn pack` writes.
    """
    path = folder / FILE
    with open_regular(path) as file:
        text = file.read(_MOST)
    try:
        return _pack(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError, ConfigError) as error:
        raise DataError(hint(f"{path}: is not what xpcnn pack writes", _AGAIN)) from error


def _pack(table: Any) -> Pack:
    """Return a table of JSON as a pack; ValueError, KeyError or TypeError where it is none."""
    pictures, images, classes = table["reading"], table["images"], table["classes"]
    h, w = pictures["size"]
    kinds = {"mode": Mode, "fit": Fit, "resampling": Resampling}
    shard = table["shard"]
    numbers = (h, w, shard, *images.values())
    if (
        table["format"] != FORMAT
        or set(pictures) != {"size", *kinds}
        or any(pictures[name] not in get_args(kind) for name, kind in kinds.items())
        or any(type(number) is not int or number < 1 for number in numbers)
        or "train" not in images
        or not set(images) <= set(get_args(Name))
        or not all(isinstance(name, str) for name in classes)
        or len(set(classes)) < len(classes)
        or table.get("task", "classification") not in get_args(TaskName)
    ):
        raise ValueError
    reading = Pictures(**{**pictures, "size": (h, w)})
    is_complete = table["complete"] is True
    task: TaskName = table.get("task", "classification")
    return Pack(reading, tuple(classes), images, shard, str(table["source"]), is_complete, task)
