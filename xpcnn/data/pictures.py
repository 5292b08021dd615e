"""Picture files as samples: the one place where a picture becomes what a model takes.

`read_picture` reads a picture as the samples of a data set were read; folders, `predict` and
every other reader of pictures use it, so that a picture has one meaning. The way of a PNG file:

    picture_files.opened      a regular file, of a known format, not too many pixels; Pillow decodes
    picture_modes.converted   upright, on white where transparent, in one mode: "L", "RGB", ...
    pictures.read_picture     as the samples were read: fitted into their size, padded or cropped;
                              for models of drawn digits cut out, centred, perhaps inverted; or
                              scaled into the range of an array: (c, h, w)
    samples.py                (x - mean) / std, which is what the network sees

For a folder, `picture_sets.read_set` first chooses mode and size from the headers of all files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from xpcnn.data.drawing_box import box_of_ink, ground
from xpcnn.data.picture_files import InMemory, PictureFile, opened
from xpcnn.data.picture_modes import converted
from xpcnn.data.reading import (
    WHITE,
    Arrays,
    Drawn,
    Fit,
    Pictures,
    Reading,
    Resampling,
    Size,
    border,
)
from xpcnn.errors import ConfigError, counted, hint

if TYPE_CHECKING:
    from PIL import Image

Invert: TypeAlias = Literal["auto", "yes", "no"]

_ARRAY_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_GAP = 3  # averaging over blocks leaves at least this many times the wanted size
_PAGE = 1024  # pixels of the shorter side of a page on which a drawing is looked for
_IN_PYTHON = "model.predict(images) in Python, with arrays"


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as a sample (c, h, w), and what was done to it.

    framed: what is drawn was cut out and centred; inverted: dark and light were swapped;
    blank: nothing is drawn on it. All three are False except for models of drawings (`Drawn`), and
    if inversion was asked for.
    """

    sample: np.ndarray
    framed: bool = False
    inverted: bool = False
    blank: bool = False


def read_picture(
    file: str | Path | InMemory, reading: Reading, invert: Invert = "auto", frame: bool = True
) -> Picture:
    """Return a picture file as a sample, read as the samples of a data set were.

    It is turned upright, and put on white where it is transparent. Then, by the kind of `reading`:

    - `Pictures`: it is fitted into `reading.size`, by padding or cropping as `reading.fit` says,
      its values as they are.
    - `Arrays`: it is padded in the same way, and black and white become `low` and `high`.
    - `Drawn`: what stands out from the ground is cut out, and scaled to fill as much of the sample
      as in training; a picture that already has the sample's size is not cut. It is inverted if its
      ground is dark and that of the training data light, or the reverse.

    Args:
        file: a path, or the bytes of a file (`picture_files.InMemory`).
        invert: "yes" swaps dark and light, "no" never does, "auto" decides for `Drawn` and never
            does otherwise. Colours cannot be inverted.
        frame: False keeps the whole picture also for `Drawn`.

    Returns:
        the picture; its sample is uint8 or float32 for `Pictures`, float32 otherwise.

    Raises:
        DataError: Pillow is missing, the file is no picture, or its values are of another kind.
        ConfigError: see `check_reading`.
    """
    path = file if isinstance(file, InMemory) else Path(file)
    check_reading(reading, invert)
    if isinstance(reading, Drawn):
        return _drawing(path, reading, invert, frame)
    if isinstance(reading, Pictures):
        sample = as_sample(load(path, reading.mode, reading.size), reading)
        if invert == "yes":
            sample = (WHITE[reading.mode] - sample).astype(reading.dtype)
        return Picture(sample, inverted=invert == "yes")
    assert isinstance(reading, Arrays)
    return _as_array(path, reading, invert)


def check_reading(reading: Reading, invert: Invert = "auto") -> None:
    """Check that pictures can be read like that, whichever they are.

    Raises:
        ConfigError: colours, floats or 32 bits are to be inverted, or the samples are arrays whose
            channels or whose black and white no picture has.
    """
    c = reading.shape[0]
    if isinstance(reading, Arrays) and c not in _ARRAY_MODES:
        message = f"the model takes images of {counted(c, 'channel')}; pictures can give 1, 3 or 4"
        raise ConfigError(hint(message, _IN_PYTHON))
    if isinstance(reading, Arrays) and reading.low is None:
        message = "the model was trained on arrays in which black and white are not known"
        raise ConfigError(hint(message, _IN_PYTHON))
    if invert == "yes" and (reading.shape[0] != 1 or getattr(reading, "mode", "L") == "F"):
        what = "floats or 32 bits" if reading.shape[0] == 1 else "colours"
        message = f"pictures of {what} cannot be inverted: dark and light have no opposite there"
        raise ConfigError(hint(message, "invert them before, or leave --invert out"))


def load(path: PictureFile, mode: str, size: Size) -> "Image.Image":
    """Return a picture upright and in `mode`, not much larger than `size` needs it to be."""
    with opened(path) as picture:
        return converted(path, picture, mode, _GAP * max(size))


def as_sample(picture: "Image.Image", reading: Pictures) -> np.ndarray:
    """Return a picture that is in the mode of `reading` as a sample (c, h, w)."""
    x = _fitted(picture, reading.size, reading.fit, reading.resampling)
    if reading.mode == "I;16":
        x = x.clip(0, WHITE[reading.mode])  # resampling may go beyond
    return np.ascontiguousarray(x, dtype=reading.dtype)


def _as_array(path: PictureFile, reading: Arrays, invert: Invert) -> Picture:
    """Return a picture as a model of arrays takes it."""
    assert reading.low is not None
    assert reading.high is not None
    c, h, w = reading.sample
    mode = _ARRAY_MODES[c]
    x = _fitted(load(path, mode, (h, w)), (h, w))
    levels = WHITE[mode] - x if invert == "yes" else x
    step = (reading.high - reading.low) / WHITE[mode]
    return Picture((reading.low + levels * step).astype(np.float32), inverted=invert == "yes")


def _drawing(path: PictureFile, reading: Drawn, invert: Invert, frame: bool) -> Picture:
    """Return a picture as a model of drawings takes it."""
    with opened(path) as file:
        picture = converted(path, file, "L", _PAGE)
    h, w = reading.size
    page = np.asarray(picture)
    level = ground(page)
    box = box_of_ink(page, level)
    framed = frame and box is not None and picture.size != (w, h)
    fill = reading.extent if framed else 1.0
    drawing = picture.crop(box) if framed else picture
    x = np.full((h, w), level, dtype=np.float32)
    _put_in_the_middle(x, np.asarray(_resized(drawing, h * fill, w * fill)))
    inverted = invert == "yes" or (
        invert == "auto" and ("light" if level > WHITE["L"] / 2 else "dark") != reading.ground
    )
    x = (WHITE["L"] - x if inverted else x) / WHITE["L"]
    sample = (reading.low + x * (reading.high - reading.low)).astype(np.float32)
    return Picture(sample[None], framed, inverted, blank=box is None)


def _fitted(
    picture: "Image.Image", size: Size, fit: Fit = "pad", resampling: Resampling = "bicubic"
) -> np.ndarray:
    """Return a picture fitted into (h, w): uint8 or float32 (c, h, w)."""
    h, w = size
    if fit == "crop" and picture.size != (w, h):
        scale = min(picture.height / h, picture.width / w)
        across = min(w * scale, picture.width)  # rounding may go beyond
        down = min(h * scale, picture.height)
        left, top = (picture.width - across) / 2, (picture.height - down) / 2
        box = (left, top, left + across, top + down)
        picture = picture.resize((w, h), _filter(resampling), box)
    inside = _resized(picture, h, w, resampling)
    if inside.size == (w, h):
        return _pixels(inside)
    pixels = _pixels(inside)
    colour = np.median(border(_pixels(picture)), axis=1)  # (c,)
    x = np.empty((len(colour), h, w), dtype=pixels.dtype)
    x[...] = (colour.round() if x.dtype == np.uint8 else colour)[:, None, None]
    _put_in_the_middle(x, pixels)
    return x


def _pixels(picture: "Image.Image") -> np.ndarray:
    """Return the pixels of a picture as (c, h, w)."""
    return np.asarray(picture).reshape(picture.height, picture.width, -1).transpose(2, 0, 1)


def _put_in_the_middle(x: np.ndarray, inside: np.ndarray) -> None:
    """Write images (..., h', w') into the middle of images (..., h, w)."""
    h, w = inside.shape[-2:]
    top, left = (x.shape[-2] - h) // 2, (x.shape[-1] - w) // 2
    x[..., top : top + h, left : left + w] = inside


def _resized(
    picture: "Image.Image", h: float, w: float, resampling: Resampling = "bicubic"
) -> "Image.Image":
    """Return the picture as large as it fits into (h, w), its proportions kept."""
    scale = min(h / picture.height, w / picture.width)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture if size == picture.size else picture.resize(size, _filter(resampling))


def _filter(resampling: Resampling) -> "Image.Resampling":
    from PIL.Image import Resampling as Filters

    return Filters[resampling.upper()]
