"""Picture files as what a model was trained on: its channels, its size, its values.

Pillow reads them and is imported when it is used (`pip install 'xpcnn[images]'`). Refuses what is
no picture, and pictures of more than 100 million pixels.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy

from xpcnn.data.dataset import Dataset
from xpcnn.errors import CheckpointError, DataError, hint
from xpcnn.types import Shape

if TYPE_CHECKING:
    from PIL.Image import Image

Invert: TypeAlias = Literal["auto", "yes", "no"]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_MOST_PIXELS = 100_000_000
_SMALLER = "the picture in a smaller size: 100 million pixels at most"
_WHITE = (255, 255, 255, 255)
_ENOUGH = 2000  # images that tell how much of an image is filled
_INK = 0.25  # of the contrast, from which on a pixel belongs to what stands out
_OTHER_RULE = "train with `xpcnn train`, or use model.predict(images) in Python"
_FAINT = 32  # of 255: less contrast than this is no drawing


@dataclass(frozen=True)
class ImageRule:
    """How the images of a data set look; model files keep it as `image_rule`.

    low, high: the values that stand for black and white, 0 and 16 or 0 and 255 or 0.0 and 1.0.
    border: "dark" where nine of ten images have a dark border, as scanned digits do (its median in
    the lower third of the range), "light" where it is light, "any" where neither holds.
    extent: how much of an image what stands on a dark or light ground fills: the longer side of its
    box, as a part of the image's, in the median; None where there is no such ground.
    """

    low: float
    high: float
    border: Literal["dark", "light", "any"]
    extent: float | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> "ImageRule":
        """Return the rule that the images of a data set follow."""
        images = dataset.images
        low, high = float(images.min()), float(images.max())
        span = high - low or 1.0
        medians = (numpy.median(_border(images), axis=(1, 2)) - low) / span  # (n,)
        border: Literal["dark", "light", "any"] = "any"
        if numpy.mean(medians < 1 / 3) >= 0.9:
            border = "dark"
        elif numpy.mean(medians > 2 / 3) >= 0.9:
            border = "light"
        if border == "any":
            return cls(low, low + span, border)
        values = (images[:_ENOUGH].mean(axis=1) - low) / span  # (n, h, w), 0 to 1
        ink = values > _INK if border == "dark" else values < 1 - _INK
        filled = [_length(ink.any(axis=axis)) for axis in (1, 2)]  # columns, rows
        return cls(low, low + span, border, float(numpy.median(numpy.maximum(*filled))))

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "ImageRule":
        """Return the rule that a model file holds.

        Raises:
            CheckpointError: it holds none, or one that makes no sense.
        """
        if not table:
            message = "the model file does not say what values its images had (image_rule)"
            raise CheckpointError(hint(message, _OTHER_RULE))
        low, high = _number(table.get("low")), _number(table.get("high"))
        border: Any = table.get("border")
        if low is None or high is None or low >= high or border not in ("dark", "light", "any"):
            message = "the model file's image_rule needs low < high and a border"
            raise CheckpointError(hint(message, _OTHER_RULE))
        extent = _number(table.get("extent"))
        if extent is not None and not 0 < extent <= 1:
            message = "the model file's image_rule needs an extent from 0 to 1"
            raise CheckpointError(hint(message, _OTHER_RULE))
        return cls(low, high, border, extent)

    def as_table(self) -> dict[str, Any]:
        """Return the rule as plain values, for the model file."""
        return asdict(self)


def read_picture(
    path: str | Path, shape: Shape, rule: ImageRule, invert: Invert = "auto", frame: bool = True
) -> numpy.ndarray:
    """Return a picture as float32 of `shape` (c, h, w), in the values of the training data.

    It is turned upright, put on white where it is transparent, made grey where c is 1, framed,
    resized with its proportions, and centred on the median colour of its border. `invert` swaps
    dark and light; "auto" does so where the picture's border is not like that of the training data.

    Framing: where the training data have an `extent`, what stands out from the ground is cut out
    and made to fill as much of the image as it does there. A picture that has the model's size
    already is taken to be framed; `frame=False` keeps the whole picture.

    Raises:
        DataError: Pillow is missing, the file is no picture, or a model has no such channels.
    """
    c, h, w = shape
    if c not in _MODES:
        message = f"the model takes images of {c} channels; pictures can give 1, 3 or 4"
        raise DataError(hint(message, "model.predict(images) in Python, with arrays"))
    picture = open_picture(Path(path), _MODES[c])
    pixels = numpy.asarray(picture, dtype=numpy.float32).reshape(picture.height, picture.width, c)
    ground = numpy.median(_border(pixels.transpose(2, 0, 1)), axis=1)  # (c,)
    fill = 1.0
    box = _box(numpy.abs(pixels - ground).mean(axis=2))
    if frame and box and rule.extent is not None and picture.size != (w, h):
        picture, fill = picture.crop(box), rule.extent
    pixels = _resized(picture, h * fill, w * fill)

    canvas = numpy.empty((h, w, c), dtype=numpy.float32)
    canvas[...] = ground
    top, left = (h - pixels.shape[0]) // 2, (w - pixels.shape[1]) // 2
    canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    x = numpy.ascontiguousarray(canvas.transpose(2, 0, 1)) / 255
    if invert == "yes" or (invert == "auto" and _unlike(float(ground[:3].mean()) / 255, rule)):
        x[:3] = 1 - x[:3]  # not the opacity
    return (rule.low + x * (rule.high - rule.low)).astype(numpy.float32)


def _length(occupied: numpy.ndarray) -> numpy.ndarray:
    """Return how long the occupied part of each line (n, places) is, as a part of the line."""
    places = occupied.shape[1]
    first, last = occupied.argmax(axis=1), places - 1 - occupied[:, ::-1].argmax(axis=1)
    return numpy.asarray((last - first + 1) / places)


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None


def _unlike(brightness: float, rule: ImageRule) -> bool:
    """Tell whether a border of this brightness, 0 to 1, is the opposite of the rule's."""
    return rule.border != "any" and (brightness > 0.5) == (rule.border == "dark")


def _border(x: numpy.ndarray) -> numpy.ndarray:
    """Return the outermost pixels of images (..., h, w) as (..., pixels)."""
    rim = numpy.ones(x.shape[-2:], dtype=bool)
    rim[1:-1, 1:-1] = False
    return x[..., rim]


def _box(contrast: numpy.ndarray) -> tuple[int, int, int, int] | None:
    """Return (left, top, right, bottom) around what stands out (h, w); None if nothing does."""
    if contrast.max() < _FAINT:
        return None
    ink = contrast > _INK * contrast.max()
    rows, columns = numpy.flatnonzero(ink.any(axis=1)), numpy.flatnonzero(ink.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _resized(picture: "Image", h: float, w: float) -> numpy.ndarray:
    """Return the picture as large as fits into (h, w), its proportions kept: (h', w', c)."""
    from PIL.Image import Resampling

    scale = min(h / picture.height, w / picture.width)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    if size != picture.size:
        picture = picture.resize(size, Resampling.BICUBIC)  # averages over what it leaves out
    return numpy.asarray(picture, dtype=numpy.float32).reshape(size[1], size[0], -1)


def open_picture(path: Path, mode: str) -> "Image":
    """Return a picture file, upright, in a mode of 8 bits a channel."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ModuleNotFoundError as error:
        message = "reading pictures needs Pillow, which is not installed"
        raise DataError(hint(message, "pip install 'xpcnn[images]'")) from error
    advice = "a PNG or JPEG file"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is below
            with Image.open(path) as file:
                if file.width * file.height > _MOST_PIXELS:
                    message = f"{path}: {file.width} x {file.height} pixels are too many"
                    raise DataError(hint(message, _SMALLER))
                return _converted(ImageOps.exif_transpose(file), mode)
    except FileNotFoundError as error:
        raise DataError(hint(f"{path}: there is no such file", advice)) from error
    except UnidentifiedImageError as error:
        raise DataError(hint(f"{path}: not a picture that Pillow knows", advice)) from error
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(hint(f"{path}: too many pixels", _SMALLER)) from error
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises on damaged files
        raise DataError(hint(f"{path}: cannot be read: {error}", advice)) from error


def _converted(picture: "Image", mode: str) -> "Image":
    """Return the picture in `mode`: what is transparent becomes white, 16 bits become 8."""
    from PIL import Image

    if picture.mode[0] in "IF":  # one channel of 16 or 32 bits, or floats
        values = numpy.asarray(picture, dtype=numpy.float64)
        unit = 257 if values.max() > 255 else 1
        picture = Image.fromarray((values / unit).clip(0, 255).round().astype(numpy.uint8))
    if mode != "RGBA" and picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, _WHITE), picture)
    return picture.convert(mode)
