"""How the samples of a data set were read, kept with a model so that later pictures are read alike.

`Pictures`: from picture files, whole. `Drawn`: arrays of something drawn on a ground of one level,
as MNIST's digits are; a picture for such a model is framed, and inverted where its ground is the
opposite one. `Arrays`: any other arrays. Framing and inverting are guesses, and for `Drawn` alone.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from xpcnn.data.stored import Images, chunks, part_of
from xpcnn.errors import ConfigError, hint
from xpcnn.types import Shape

Size: TypeAlias = tuple[int, int]  # (h, w)
Mode: TypeAlias = Literal["L", "RGB", "I;16", "F"]
Fit: TypeAlias = Literal["pad", "crop"]
Resampling: TypeAlias = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]

WHITE = {"L": 255.0, "RGB": 255.0, "RGBA": 255.0, "I;16": 65535.0}
"""The value of white in each mode of whole numbers; black is 0."""

_LONGEST = 1 << 15  # of a side
_ENOUGH = 2000  # images that show how much of an image is filled
_FLAT = 1 / 32  # of the range: how far the border of a drawing may lie from its ground
_AT_ONCE = 2000  # images that are looked at together
INK = 0.25  # of the contrast, from which on a pixel belongs to what is drawn


@dataclass(frozen=True)
class Reading:
    """How samples were read; one of `Pictures`, `Drawn`, `Arrays`."""

    @property
    def shape(self) -> Shape:
        """The shape (c, h, w) of a sample."""
        raise NotImplementedError


@dataclass(frozen=True)
class Pictures(Reading):
    """Samples are picture files, whole and as they are.

    mode: "L" (grey) and "RGB" are uint8 from 0 to 255; "I;16" (grey of 16 bits) is float32 from 0
    to 65535, where white of 8 bits is 65535 too; "F" (floats, or whole numbers of 32 bits) is
    float32, the values of the file.
    size: (h, w). Pictures of another size are resampled by `resampling`, their proportions kept.
    fit: "pad": as large as fits inside, the rest filled with the median colour of the border;
    "crop": as small as covers it, what stands over cut off evenly.
    """

    mode: Mode
    size: Size
    fit: Fit = "pad"
    resampling: Resampling = "bicubic"

    def __post_init__(self) -> None:
        _check_size(self.size)

    @property
    def shape(self) -> Shape:
        return (3 if self.mode == "RGB" else 1, *self.size)

    @property
    def dtype(self) -> type[np.generic]:
        """The dtype of samples: uint8, or float32 where 8 bits do not hold the values."""
        return np.uint8 if self.mode in ("L", "RGB") else np.float32


@dataclass(frozen=True)
class Drawn(Reading):
    """Samples are arrays (1, h, w) of something drawn on a ground of one level, such as digits.

    size: (h, w).
    low, high: the values of black and white.
    ground: which of them is the ground, "dark" or "light".
    extent: how much of a sample the drawing fills: the longer side of its box, as a part of the
        sample's side, the median over the samples.
    """

    size: Size
    low: float
    high: float
    ground: Literal["dark", "light"]
    extent: float

    def __post_init__(self) -> None:
        _check_size(self.size)
        _check_values(self.low, self.high)
        if not 0 < self.extent <= 1:
            message = f"extent is {self.extent}, expected a part of the sample from 0 to 1"
            raise ConfigError(hint(message, "extent = 1.0"))

    @property
    def shape(self) -> Shape:
        return (1, *self.size)


@dataclass(frozen=True)
class Arrays(Reading):
    """Samples are arrays of shape `sample`, (c, h, w), of which nothing more is known.

    low, high: the values of black and white, by the dtype and the range of all samples; None where
    they are not known, so that pictures cannot be read for such a model.
    """

    sample: tuple[int, int, int]
    low: float | None
    high: float | None

    def __post_init__(self) -> None:
        _check_size(self.sample)
        if (self.low is None) != (self.high is None):
            raise ConfigError(hint("low and high must be given together", "both, or neither"))
        if self.low is not None and self.high is not None:
            _check_values(self.low, self.high)

    @property
    def shape(self) -> Shape:
        return self.sample


def observed(images: Images) -> Drawn | Arrays:
    """Return how arrays (n, c, h, w) look: drawn on a ground, or not.

    They are drawn where they are grey and the border of nine in ten is flat at the same end of the
    range of values: its median within 1/32 of that end.
    """
    extremes = [(float(x.min()), float(x.max())) for x in chunks(images, _AT_ONCE)]
    lows, highs = zip(*extremes, strict=True)
    low, high = min(lows), max(highs)
    drawn = _drawn(images, low, high)
    return drawn or Arrays(images.shape[1:], *_black_and_white(images.dtype, low, high))


def border(x: np.ndarray) -> np.ndarray:
    """Return the outermost pixels of images (..., h, w) as (..., pixels), each once."""
    inner = x[..., 1:-1, :]
    edges = (x[..., :1, :], x[..., 1:, :][..., -1:, :], inner[..., :1], inner[..., 1:][..., -1:])
    flat = [edge.reshape(*edge.shape[:-2], math.prod(edge.shape[-2:])) for edge in edges]
    return np.concatenate(flat, axis=-1)


def _drawn(images: Images, low: float, high: float) -> Drawn | None:
    _, c, h, w = images.shape
    if c != 1 or low == high:
        return None
    medians = [np.median(border(x), axis=(1, 2)) for x in chunks(images, _AT_ONCE)]
    edges = (np.concatenate(medians) - low) / (high - low)  # (n,), 0 to 1
    if np.mean(edges <= _FLAT) >= 0.9:
        ground: Literal["dark", "light"] = "dark"
    elif np.mean(edges >= 1 - _FLAT) >= 0.9:
        ground = "light"
    else:
        return None
    faint, lengths = INK * (high - low), []
    for x in chunks(part_of(images, np.arange(min(_ENOUGH, len(images)))), _AT_ONCE):
        ink = np.asarray(x[:, 0] > low + faint if ground == "dark" else x[:, 0] < high - faint)
        lengths.append(np.maximum(*(_length(np.asarray(ink.any(axis=axis))) for axis in (1, 2))))
    return Drawn((h, w), low, high, ground, float(np.median(np.concatenate(lengths))))


def _length(occupied: np.ndarray) -> np.ndarray:
    """Return how long the occupied part of each line (n, places) is, as a part of the line."""
    places = occupied.shape[1]
    first, last = occupied.argmax(axis=1), places - 1 - occupied[:, ::-1].argmax(axis=1)
    return np.asarray((last - first + 1) / places)


def _black_and_white(
    dtype: np.dtype, low: float, high: float
) -> tuple[float, float] | tuple[None, None]:
    """Return the values of black and white: of the usual ranges the first that holds all values."""
    if dtype == np.uint8:
        return 0.0, 255.0
    for black, white in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (0.0, 65535.0)):
        if black <= low and high <= white:
            return black, white
    return None, None


def _check_size(size: Shape) -> None:
    if not all(0 < length <= _LONGEST for length in size):
        message = f"size is {size}, expected whole numbers from 1 to {_LONGEST}"
        raise ConfigError(hint(message, "size = [32, 32]"))


def _check_values(low: float, high: float) -> None:
    if not low < high:
        message = f"low is {low} and high is {high}, expected low < high"
        raise ConfigError(hint(message, "low = 0.0, high = 255.0"))
