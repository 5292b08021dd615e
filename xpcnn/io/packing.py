"""Decoding pictures once, into files that can be mapped into memory: `xpcnn pack`.

All cores decode. A shard gets its name when all of it is on the disk, so that a pack that was
interrupted resumes with the others.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xpcnn.data.files import shown
from xpcnn.data.folder_tree import Name
from xpcnn.data.images import Part
from xpcnn.data.reading import Pictures
from xpcnn.data.streams import packed
from xpcnn.data.streams.packed import Pack
from xpcnn.data.streams.packed_images import shard_path, shard_sizes
from xpcnn.data.streams.stream import Stream
from xpcnn.errors import CheckpointError, ConfigError, hint, reason_of
from xpcnn.io.atomic import SUFFIX, write_bytes
from xpcnn.io.lock import locked
from xpcnn.types import TaskName

SHARD_MB = 1024
"""Size of a shard in MiB, where nobody says another."""

_UNIT = 1 << 20

_BLOCK = 1 << 25  # bytes of images that are written at a time


class Outcome(NamedTuple):
    """What was packed: bytes of the images, how many pictures were packed before, and what was
    wrong with those that could not be read.
    """

    pack: Pack
    bytes: int
    before: int
    damaged: tuple[str, ...]


def pack(
    parts: Mapping[Name, Part],
    classes: tuple[str, ...],
    out: Path,
    advance: Callable[[int], object] = lambda count: None,
    shard_mb: int = SHARD_MB,
    task: TaskName = "classification",
) -> Outcome:
    """Write the pictures of streams into a folder, or resume an interrupted pack.

    parts: streams and their labels; task: what these are. Damaged pictures that the streams skip
    are zeros, and noted. advance: gets how many more pictures are packed. shard_mb: of a
    new pack, the size of a shard in MiB; it holds one image at least.

    Raises:
        ConfigError: the folder has other contents, or there is too little disk space.
        DataError: a picture cannot be read.
        CheckpointError: a file cannot be written.
    """
    streams = {name: images for name, (images, _) in parts.items()}
    first = streams["train"]
    assert isinstance(first.reading, Pictures)
    shard = max(1, shard_mb * _UNIT // _bytes(first))
    counts = {name: len(images) for name, images in streams.items()}
    wanted = Pack(first.reading, classes, counts, shard, _source(parts), False, task)
    total = sum(len(images) * _bytes(images) for images in streams.values())
    try:
        plan = _open_folder(out, wanted, total)
    except OSError as error:
        message = f"{shown(out)} cannot be made: {error.strerror or error}"
        raise ConfigError(hint(message, "a folder that you may write")) from error
    with locked(out):
        try:
            written = [_write(out, plan.shard, name, *parts[name], advance) for name in parts]
        except OSError as error:
            message = f"{shown(out)} cannot be written: {error.strerror or error}"
            advice = "free some space, and run the same again"
            raise CheckpointError(hint(message, advice)) from error
        complete = plan._replace(complete=True)
        if packed.described(out) != complete:
            write_bytes(out / packed.FILE, complete.as_json().encode())
        damaged = [packed.read_damaged(out, name, count) for name, count in counts.items()]
    reasons = tuple(reason_of(error) for part in damaged for error in part.values())
    return Outcome(complete, total, sum(counts.values()) - sum(written), reasons)


def _bytes(images: Stream) -> int:
    """Return the bytes of an image."""
    return math.prod(images.sample) * images.dtype.itemsize


def _source(parts: Mapping[Name, Part]) -> str:
    """Return a hash of what is packed; of the targets too, where no folders are the classes."""
    h = hashlib.blake2b(digest_size=16)
    for images, labels in parts.values():
        for part in (*images.identity(), *([labels] if labels.ndim > 1 else [])):
            h.update(np.ascontiguousarray(part).data)
    return h.hexdigest()


def _open_folder(out: Path, plan: Pack, total: int) -> Pack:
    """Make the folder with `pack.json`, or require that it holds the same pack, and return that.

    The shards of one that is there keep their size.
    """
    if packed.is_packed(out):
        found = packed.described(out)._replace(complete=False)
        if found != plan._replace(shard=found.shard):
            message = f"{shown(out)}: holds a pack of other pictures, or of other sizes or modes"
            raise ConfigError(hint(message, "another folder"))
        return found
    if os.path.lexists(out) and (not os.path.isdir(out) or os.listdir(out)):
        message = f"{shown(out)}: is not an empty folder"
        raise ConfigError(hint(message, "a new folder"))
    above = next(folder for folder in (out, *out.absolute().parents) if os.path.isdir(folder))
    if (free := shutil.disk_usage(above).free) < total:
        message = f"the images take {total:,} bytes, and there are {free:,} left for {shown(out)}"
        raise ConfigError(hint(message, "another disk, or --image-size with fewer pixels"))
    out.mkdir(parents=True, exist_ok=True)
    write_bytes(out / packed.FILE, plan.as_json().encode())
    return plan


def _write(
    out: Path,
    each: int,
    name: Name,
    images: Stream,
    labels: np.ndarray,
    advance: Callable[[int], object],
) -> int:
    """Write the files of a part, except for the shards that are there; return how many images."""
    shards = [
        (shard_path(out, name, number), number * each, size)
        for number, size in enumerate(shard_sizes(len(images), each))
    ]
    missing = [shard for shard in shards if not shard[0].is_file()]
    for what, numbers in (("labels", labels), ("words", images.name_hashes)):
        path = out / f"{name}_{what}.npy"
        if missing or not path.is_file():
            np.save(path, numbers)
    count = sum(size for _, _, size in missing)
    advance(len(images) - count)
    block = max(1, _BLOCK // _bytes(images))
    blocks = [
        np.arange(start, min(start + block, first + size))
        for _, first, size in missing
        for start in range(first, first + size, block)
    ]
    pixels = images.batches_with_zeros(blocks)  # of all: the cores do not wait between shards
    for path, _, size in missing:
        beside = path.with_suffix(SUFFIX)
        array = np.lib.format.open_memmap(beside, "w+", images.dtype, (size, *images.sample))
        done = 0
        while done < size:
            some = next(pixels)
            array[done : done + len(some)] = some
            done += len(some)
            advance(len(some))
        array.flush()
        del array  # Windows renames no file that is mapped
        _note_damaged(out, name, images)
        beside.replace(path)
    return count


def _note_damaged(out: Path, name: Name, images: Stream) -> None:
    """Write which pictures of a part are damaged, with those that an interrupted pack has noted."""
    found = packed.read_damaged(out, name, len(images))
    for number, row in enumerate(images.rows.tolist()):
        if row in images.damaged:
            found[number] = images.damaged[row]
    if found:
        reasons = {number: reason_of(error) for number, error in sorted(found.items())}
        write_bytes(packed.damaged_path(out, name), json.dumps(reasons, indent=1).encode())
