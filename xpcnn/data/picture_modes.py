"""An open picture as values of one mode: upright, on white where it is transparent.

A picture that is much larger than needed is made smaller early, a JPEG while it is decoded.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from xpcnn.data.picture_files import DRAFTED, PictureFile, check_pixels
from xpcnn.data.reading import WHITE
from xpcnn.errors import DataError, hint

if TYPE_CHECKING:
    from PIL.Image import Image

Depth: TypeAlias = Literal["8 bits", "16 bits", "32 bits", "floats"]
"""What the values of a picture are: whole numbers of so many bits, or floats."""
WITHOUT_WHITE: tuple[Depth, ...] = ("32 bits", "floats")
"""Values without a number for white, so that they are read as they are, in mode "F"."""

_BAND = 1 << 20  # pixels that are prepared at a time
_MOST_AT_ONCE = 32  # lengths of a block: Pillow's means of larger ones are too small
_WHITE = (255, 255, 255, 255)
_AS_SAVED = {"1": "L", "P": "RGBA", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "LAB": "RGB"}
"""Modes that cannot be averaged over or turned into grey, and what they are turned into before."""


def depth(picture: "Image") -> Depth:
    """Return what the values of the picture are."""
    if picture.mode.startswith("I;16"):
        return "16 bits"
    if picture.mode == "I":  # which some versions of Pillow make of 16 bits
        return "16 bits" if picture.format in ("PNG", "PPM") else "32 bits"
    return "floats" if picture.mode == "F" else "8 bits"


def upright_size(picture: "Image") -> tuple[int, int]:
    """Return height and width of the picture when it is upright."""
    if picture.format == "PNG" and "exif" not in picture.info:
        return picture.height, picture.width  # to look further, Pillow would decode the picture
    turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # which Pillow does to TIFF itself
    return picture.size if turned and picture.format != "TIFF" else (picture.height, picture.width)


def lost_bits(picture: "Image") -> bool:
    """Whether Pillow gives only 8 of the file's 16 bits a value: in colour, or with opacity."""
    return depth(picture) == "8 bits" and any(
        ";16" in str(tile[3]) for tile in getattr(picture, "tile", ())
    )


def converted(path: PictureFile, picture: "Image", mode: str, enough: int | None = None) -> "Image":
    """Return an open picture upright and in `mode`: "L", "RGB", "RGBA", "I;16" or "F" (of Pillow,
    where "I;16" and "F" both come as "F").

    Transparent pixels become white, in 8 and in 16 bits alike. Colours become grey, and grey
    becomes colours, as Pillow converts them: L = 0.299 R + 0.587 G + 0.114 B. For a mode of 8 bits,
    values of 16 bits are scaled to 0 to 255 and rounded. Pictures of floats or
    of 32 bits fit mode "F" alone, and no other pictures fit it.
    enough: a picture whose shorter side is longer may be reduced until it is this long.

    Raises:
        DataError: the values are of another kind than the mode's, or NaN or infinite.
    """
    from PIL import Image, ImageOps

    kind = depth(picture)
    if (kind in WITHOUT_WHITE) != (mode == "F"):
        expected = "floats or 32 bits" if mode == "F" else "of 8 or 16 bits, from black to white"
        message = f"{path}: its values are {'' if kind == 'floats' else 'of '}{kind}"
        advice = "pictures of the kind that the others, or those in training, have"
        raise DataError(hint(f"{message}, expected {expected}", advice))
    if enough is not None and picture.format in DRAFTED:
        picture.draft(None, (enough, enough))
    check_pixels(path, picture)
    if kind == "8 bits":
        found = _smaller(picture, enough, _plain)
        ImageOps.exif_transpose(found, in_place=True)
        if mode != "RGBA" and found.has_transparency_data:
            found = found.convert("RGBA")
            found = Image.alpha_composite(Image.new("RGBA", found.size, _WHITE), found)
        if found.mode == mode:
            found.load()  # while the file is open
            return found
        if mode != "I;16":
            return found.convert(mode)
        return Image.fromarray(np.asarray(found.convert("L"), dtype=np.float32) * np.float32(257))
    found = _smaller(picture, enough, partial(_floats, path))
    ImageOps.exif_transpose(found, in_place=True)
    if mode in ("I;16", "F"):
        return found
    values = np.asarray(found) * np.float32(WHITE["L"] / WHITE["I;16"])
    return Image.fromarray(values.round().astype(np.uint8)).convert(mode)


def _plain(picture: "Image") -> "Image":
    """Return a picture of 8 bits in a mode that can be averaged over."""
    if picture.mode in _AS_SAVED:
        return picture.convert(_AS_SAVED[picture.mode])
    return picture.convert("RGBA") if "transparency" in picture.info else picture


def _floats(path: PictureFile, picture: "Image") -> "Image":
    """Return a picture of 16 bits, 32 bits or floats as one of floats, all finite."""
    from PIL import Image

    values = np.asarray(picture, dtype=np.float32)
    if not np.isfinite(values).all():
        message = f"{path}: holds NaN or infinity"
        raise DataError(hint(message, "fill these pixels in, or leave the picture out"))
    found = Image.fromarray(values)
    found.info = dict(picture.info)
    return found


def _smaller(
    picture: "Image", enough: int | None, prepare: Callable[["Image"], "Image"]
) -> "Image":
    """Return the picture averaged over blocks, its shorter side no shorter than `enough`.

    The averages are taken in bands, so that a large picture is never in memory twice.
    """
    from PIL import Image

    factor = 1 if enough is None else min(min(picture.size) // enough, _MOST_AT_ONCE)
    if factor < 2:
        return prepare(picture)
    w, h = picture.size
    rows = factor * max(1, _BAND // (w * factor))
    bands = [
        prepare(picture.crop((0, top, w, min(top + rows, h)))).reduce(factor)
        for top in range(0, h, rows)
    ]
    small = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
    small.info = bands[0].info
    top = 0
    for band in bands:
        small.paste(band, (0, top))
        top += band.height
    return _smaller(small, enough, lambda reduced: reduced)
