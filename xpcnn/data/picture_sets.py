"""Many picture files as the samples of one data set: one mode and one size for all of them.

The headers of all files decide, then their pixels: floats where all are floats or of 32 bits; 16
bits where one of grey pictures has them; RGB where one has a colour; grey otherwise. Rejects floats
and 32 bits among others.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING

import numpy as np

from xpcnn.data.folder_tree import NAMED
from xpcnn.data.picture_files import DAMAGE, PictureFile, opened, require_pillow, with_package
from xpcnn.data.picture_modes import WITHOUT_WHITE, Depth, depth, lost_bits, upright_size
from xpcnn.data.pictures import as_sample, check_reading, load, read_picture
from xpcnn.data.reading import Fit, Mode, Pictures, Reading, Size
from xpcnn.errors import DataError, hint, reason_of
from xpcnn.memory_limits import host_memory

if TYPE_CHECKING:
    from PIL.Image import Image

_LIMIT = 1 << 33  # bytes of all samples in memory
KEPT = 128
"""Pixels of a side up to which a size that all pictures have is kept."""

_LONGEST = 32  # pixels of the longer side of a size that is chosen
_MULTIPLE = 4  # of which the sides of a chosen size are, so that it can be halved twice
_OTHERS = "pictures that can be opened, such as PNG or JPEG files"
_GREY = ("1", "L", "LA", "La")


@dataclass(frozen=True)
class PictureSet:
    """Pictures as samples.

    images: (n, c, h, w).
    reading: how they were read.
    kept: which of the paths they come from, by index, in order.
    damaged: for each of the other paths what is wrong with it.
    notes: what was decided, in sentences.
    """

    images: np.ndarray
    reading: Reading
    kept: tuple[int, ...]
    damaged: tuple[DataError, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Header:
    size: Size
    depth: Depth
    grey: bool
    lost: bool
    more_frames: bool


def read_set(paths: Sequence[Path], size: Size | None = None, fit: Fit = "pad") -> PictureSet:
    """Return all pictures as samples of one mode and size, those that cannot be read left out.

    size: (h, w) of the samples; by default the pictures' own where all have one of at most 128
    pixels a side, and otherwise the median of their sizes, brought to at most 32.

    Raises:
        DataError: Pillow is missing, no file can be read, floats or 32 bits are mixed with
            other values, or the samples would take too much memory.
    """
    require_pillow()
    headers: dict[int, _Header] = {}
    damaged: dict[int, DataError] = {}
    for i, path in enumerate(paths):
        try:
            headers[i] = _header(path)
        except DataError as error:
            damaged[i] = error
    if not headers:
        raise unreadable(paths, list(damaged.values()), _OTHERS)
    mode = _mode(paths, headers)
    chosen, notes = _size(list(headers.values())) if size is None else (size, ())
    reading = Pictures(mode, chosen, fit)
    images = _empty(len(headers), reading)
    kept: list[int] = []
    coloured = False
    for i in headers:
        try:
            picture = load(paths[i], mode, chosen)
        except DataError as error:
            damaged[i] = error
            continue
        coloured = coloured or (mode == "RGB" and _is_coloured(picture))
        images[len(kept)] = as_sample(picture, reading)
        kept.append(i)
    if not kept:
        raise unreadable(paths, list(damaged.values()), _OTHERS)
    images = images[: len(kept)]
    if mode == "RGB" and not coloured:
        reading, images = Pictures("L", chosen, fit), images[:, :1].copy()
    lost = sum(
        header.lost or (header.depth == "16 bits" and reading.dtype == np.uint8)
        for header in headers.values()
    )
    if lost:
        which = f"{lost} of {len(headers)}"
        notes = (*notes, f"pictures with 16 bits a value are read with 8 bits a value ({which})")
    notes += _frames(list(headers.values()))
    return PictureSet(
        images,
        reading,
        tuple(kept),
        tuple(damaged[i] for i in sorted(damaged)),
        notes,
    )


def read_alike(paths: Sequence[Path], reading: Reading) -> PictureSet:
    """Return all pictures read as the samples of another data set were, such as that of a model.

    Raises:
        DataError: Pillow is missing, no file can be read, or the samples would take too much
            memory.
        ConfigError: see `pictures.check_reading`.
    """
    require_pillow()
    check_reading(reading)
    images = _empty(len(paths), reading)
    kept: list[int] = []
    damaged: list[DataError] = []
    for i, path in enumerate(paths):
        try:
            images[len(kept)] = read_picture(path, reading).sample
        except DataError as error:
            damaged.append(error)
        else:
            kept.append(i)
    if not kept:
        raise unreadable(paths, damaged, _OTHERS)
    return PictureSet(images[: len(kept)], reading, tuple(kept), tuple(damaged), ())


def reading_of_some(
    files: Sequence[PictureFile], size: Size | None, fit: Fit
) -> tuple[Pictures, tuple[str, ...]]:
    """Return how to read a set of pictures, given some of them; and notes about that.

    size, fit: as in `read_set`.

    Raises:
        DataError: no file can be read, or floats or 32 bits are mixed with other values.
    """
    headers: dict[int, _Header] = {}
    errors: list[DataError] = []
    for i, file in enumerate(files):
        try:
            headers[i] = _header(file)
        except DataError as error:
            errors.append(error)
    if not headers:
        raise errors[0]
    mode = _mode(files, headers)
    chosen, notes = _size(list(headers.values())) if size is None else (size, ())
    if mode == "RGB" and not any(_has_colour(files[i], chosen) for i in headers):
        mode = "L"
    return Pictures(mode, chosen, fit), notes + _frames(list(headers.values()))


def _frames(headers: Sequence[_Header]) -> tuple[str, ...]:
    """Return what to say of files that hold several pictures, of which one is read."""
    count = sum(header.more_frames for header in headers)
    which = f"{count} of {len(headers)}"
    return (f"of files with several frames the first is read ({which})",) if count else ()


def _has_colour(file: PictureFile, size: Size) -> bool:
    """Whether a picture that can be read has a pixel that is not grey."""
    try:
        return _is_coloured(load(file, "RGB", size))
    except DataError:
        return False


def unreadable(paths: Sequence[Path], damaged: Sequence[DataError], advice: str) -> DataError:
    """Return the error for pictures that cannot be read, some or all of those at `paths`.

    It says how many there are, and what is wrong with the first of them.
    """
    lines = [reason_of(error) for error in damaged]
    more = [f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    listing = "\n  ".join([*lines[:NAMED], *more])
    folder = os.path.commonpath([path.parent for path in paths])
    message = f"{folder}: {len(lines)} of {len(paths)} pictures cannot be read:\n  {listing}"
    return DataError(hint(message, with_package(damaged, advice)))


def left_out(damaged: Sequence[DataError], count: int) -> str:
    """Return the note about damaged pictures of `count` that are left out; names the first."""
    first = reason_of(damaged[0])
    return f"damaged pictures left out: {len(damaged)} of {count}; the first: {first}"


def _header(path: PictureFile) -> _Header:
    with opened(path) as picture:
        grey = picture.mode in _GREY or depth(picture) != "8 bits"
        return _Header(
            upright_size(picture),
            depth(picture),
            grey,
            lost_bits(picture),
            _has_more_frames(picture),
        )


def _has_more_frames(picture: "Image") -> bool:
    """Whether the file has further pictures, as animations and TIFF files of several pages do.

    The further pictures in a camera's file (MPO) are other forms of the first.
    """
    if picture.format == "MPO":
        return False
    try:
        return bool(getattr(picture, "is_animated", False))
    except DAMAGE:  # of a later frame, which is not read
        return True


def _mode(paths: Sequence[PictureFile], headers: dict[int, _Header]) -> Mode:
    """Return the mode that holds all pictures."""
    by_depth = {header.depth: paths[i] for i, header in headers.items()}
    if found := [kind for kind in WITHOUT_WHITE if kind in by_depth]:
        others = [path for kind, path in by_depth.items() if kind not in WITHOUT_WHITE]
        if others:
            values = "floats" if found[0] == "floats" else f"of {found[0]}"
            message = (
                f"{by_depth[found[0]]}: its values are {values}, and those of {others[0]} are "
                "whole numbers from black to white"
            )
            raise DataError(hint(message, "pictures of one kind"))
        return "F"
    if not all(header.grey for header in headers.values()):
        return "RGB"
    return "I;16" if "16 bits" in by_depth else "L"


def _size(headers: Sequence[_Header]) -> tuple[Size, tuple[str, ...]]:
    """Return a size for pictures of these headers, and what to say of it."""
    sizes = [header.size for header in headers]
    least, most = (tuple(map(f, zip(*sizes, strict=True))) for f in (min, max))
    if least == most and max(most) <= KEPT:
        return sizes[0], ()
    h, w = (median_low(sides) for sides in zip(*sizes, strict=True))
    scale = min(1.0, _LONGEST / max(h, w))
    size = tuple(max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in (h, w))
    span = f"{least[0]} x {least[1]}"
    if least != most:
        span = f"several sizes, {span} to {most[0]} x {most[1]} (height x width),"
    note = (
        f"pictures of {span} are fitted to {size[0]} x {size[1]}; "
        f"--image-size H,W (image_size=(h, w)) chooses another size"
    )
    return (size[0], size[1]), (note,)


def _empty(count: int, reading: Reading) -> np.ndarray:
    """Return memory for samples, if it is not too much."""
    shape = count, *reading.shape
    dtype = reading.dtype if isinstance(reading, Pictures) else np.float32
    size = math.prod(shape) * np.dtype(dtype).itemsize
    limit = min(_LIMIT, host_memory() or _LIMIT)
    if size > limit:
        h, w = reading.shape[1:]
        message = (
            f"{count} pictures of {h} x {w} pixels take {size} bytes, more than the {limit} "
            "that they may"
        )
        raise DataError(
            hint(message, "--stream yes, or --image-size with fewer pixels, such as 64,64")
        )
    return np.empty(shape, dtype)


def _is_coloured(picture: "Image") -> bool:
    """Whether an RGB picture has a pixel that is not grey."""
    pixels = np.asarray(picture)
    return bool((pixels != pixels[..., :1]).any())
