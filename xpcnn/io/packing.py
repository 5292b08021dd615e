"""Decoding pictures once, into files that are mapped into memory: what `xpcnn pack` does.

Blocks of pictures are decoded by all cores and written in their places; a line in a file says that
a block is on the disk, so that a pack that was interrupted goes on with the others.
"""

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xpcnn.data import packed
from xpcnn.data.files import shown
from xpcnn.data.folder_tree import Name
from xpcnn.data.images import Part
from xpcnn.data.packed import Pack
from xpcnn.data.reading import Pictures
from xpcnn.data.stream import Stream
from xpcnn.errors import CheckpointError, ConfigError, hint
from xpcnn.io.atomic import write_bytes
from xpcnn.io.lock import locked

DONE = "pack.done"
"""The file with a line for each block that is on the disk."""

_BLOCK = 1 << 25  # bytes of images that are written at a time


class Outcome(NamedTuple):
    """What was packed: bytes of the images, and how many pictures were packed before."""

    pack: Pack
    bytes: int
    before: int


def pack(
    parts: Mapping[Name, Part],
    classes: tuple[str, ...],
    out: Path,
    advance: Callable[[int], object] = lambda count: None,
) -> Outcome:
    """Write the pictures of streams into a folder, or go on with it.

    parts: streams and their labels. advance: told how many more pictures are packed.

    Raises:
        ConfigError: the folder holds something else, or there is too little room.
        DataError: a picture cannot be read.
        CheckpointError: a file cannot be written.
    """
    streams = {name: images for name, (images, _) in parts.items()}
    first = streams["train"]
    assert isinstance(first.reading, Pictures)
    plan = Pack(
        first.reading, classes, {n: len(x) for n, x in streams.items()}, _source(streams), False
    )
    total = sum(images.size * images.dtype.itemsize for images in streams.values())
    try:
        _open_folder(out, plan, total)
    except OSError as error:
        message = f"{shown(out)} cannot be made: {error.strerror or error}"
        raise ConfigError(hint(message, "a folder that you may write")) from error
    with locked(out):
        done = _done(out)
        if not packed.described(out).complete:
            try:
                for name, (images, labels) in parts.items():
                    _write(out, name, images, labels, done, advance)
            except OSError as error:
                message = f"{shown(out)} cannot be written: {error.strerror or error}"
                raise CheckpointError(
                    hint(message, "free some space, and the same again")
                ) from error
            plan = plan._replace(complete=True)
            write_bytes(out / packed.FILE, plan.as_json().encode())
            (out / DONE).unlink(missing_ok=True)
            return Outcome(plan, total, sum(count for _, _, count in done))
    return Outcome(plan._replace(complete=True), total, sum(plan.images.values()))


def _source(streams: Mapping[Name, Stream]) -> str:
    """Return a hash of what is packed."""
    h = hashlib.blake2b(digest_size=16)
    for images in streams.values():
        for part in images.identity():
            h.update(np.ascontiguousarray(part).data)
    return h.hexdigest()


def _open_folder(out: Path, plan: Pack, total: int) -> None:
    """Make the folder with `pack.json`, or require that it holds the same pack."""
    if packed.is_packed(out):
        if packed.described(out)._replace(complete=False) != plan:
            message = f"{shown(out)}: holds a pack of other pictures, or read in another way"
            raise ConfigError(hint(message, "another folder"))
        return
    if os.path.lexists(out) and (not os.path.isdir(out) or os.listdir(out)):
        message = f"{shown(out)}: is not an empty folder"
        raise ConfigError(hint(message, "a new folder"))
    above = next(folder for folder in (out, *out.absolute().parents) if os.path.isdir(folder))
    if (free := shutil.disk_usage(above).free) < total:
        message = f"the images take {total:,} bytes, and there are {free:,} left for {shown(out)}"
        raise ConfigError(hint(message, "another disk, or --image-size with fewer pixels"))
    out.mkdir(parents=True, exist_ok=True)
    write_bytes(out / packed.FILE, plan.as_json().encode())


def _done(out: Path) -> set[tuple[str, int, int]]:
    """Return the blocks that are on the disk: part, first picture, number of pictures."""
    if not (out / DONE).is_file():
        return set()
    found = set()
    for line in (out / DONE).read_text().splitlines():
        words = line.split()
        whole = len(words) == 3 and words[1].isdecimal() and words[2].isdecimal()
        if whole and (out / f"{words[0]}_images.npy").is_file():
            found.add((words[0], int(words[1]), int(words[2])))
    return found


def _write(
    out: Path,
    name: Name,
    images: Stream,
    labels: np.ndarray,
    done: set[tuple[str, int, int]],
    advance: Callable[[int], object],
) -> None:
    """Write the files of a part, except for the blocks that are there."""
    np.save(out / f"{name}_labels.npy", labels)
    np.save(out / f"{name}_words.npy", images.words)
    path = out / f"{name}_images.npy"
    mode = "r+" if path.exists() and done else "w+"
    array = np.lib.format.open_memmap(path, mode, images.dtype, images.shape)
    sample = math.prod(images.sample) * images.dtype.itemsize
    size = max(1, _BLOCK // sample)
    blocks = [
        (name, start, min(size, len(images) - start)) for start in range(0, len(images), size)
    ]
    rest = [block for block in blocks if block not in done]
    advance(len(images) - sum(count for _, _, count in rest))
    wanted = (np.arange(start, start + count) for _, start, count in rest)
    with (out / DONE).open("a") as file:
        for (_, start, count), pixels in zip(rest, images.batches(wanted), strict=True):
            array[start : start + count] = pixels
            array.flush()  # before the line that says so
            file.write(f"{name} {start} {count}\n")
            file.flush()
            advance(count)
