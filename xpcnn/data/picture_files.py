"""Opening picture files that are not trusted, with Pillow (`pip install 'xpcnn[images]'`).

Only regular files are opened, only in the formats named here (others could start a program), and
only up to a number of pixels in proportion to the length of the file. A picture that is much larger
than needed is made smaller early, a JPEG while it is decoded. Every error is a DataError that names
the file.
"""

import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

import numpy as np

from xpcnn.data.files import open_regular
from xpcnn.data.reading import WHITE
from xpcnn.errors import DataError, hint

if TYPE_CHECKING:
    from PIL.Image import Image

Depth: TypeAlias = Literal["8 bits", "16 bits", "32 bits", "floats"]
"""What the values of a picture are: whole numbers of so many bits, or floats."""
WITHOUT_WHITE: tuple[Depth, ...] = ("32 bits", "floats")
"""Values without a number for white, so that they are read as they are, in mode "F"."""

FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
ENDINGS = frozenset(
    [
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".jp2", ".j2k", ".gif"),
        *(".bmp", ".dib", ".tif", ".tiff", ".webp", ".avif", ".avifs"),
        *(".pbm", ".pgm", ".pnm", ".ppm"),
        *(HEIF := (".heic", ".heif", ".hif")),
    ]
)
"""How names of picture files end, in lower case; HEIF: those of phones' photographs."""

DAMAGE = (
    *(OSError, SyntaxError, ValueError, RuntimeError),  # in 11,000 damaged files of all formats
    *(EOFError, OverflowError, struct.error, zlib.error),  # in Pillow's source
)
"""What Pillow raises on damaged files. Anything else is a defect, and is not hidden."""

_MOST_PIXELS = 100_000_000
_ALWAYS = 1 << 25  # pixels that a file of any length may have
_PER_BYTE = 1000  # more of them for each byte of the file: what a blank PNG has
_SMALLER = "the picture in a smaller size: 100 million pixels at most"
_ADVICE = "a PNG or JPEG file"
_AGAIN = "another copy of the picture, or leave it out"
_PILLOW = r"PIL\.|xpcnn\.data\.picture"  # modules to which its warnings belong
_BAND = 1 << 20  # pixels that are prepared at a time
_HEIF_STARTS = tuple(b"ftyp" + kind for kind in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"))
_DRAFTED = ("JPEG", "MPO")  # formats that can be decoded smaller than they are
_MOST_AT_ONCE = 32  # lengths of a block: Pillow's means of larger ones are too small
_WHITE = (255, 255, 255, 255)
_AS_SAVED = {"1": "L", "P": "RGBA", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "LAB": "RGB"}
"""Modes that cannot be averaged over or turned into grey, and what they are turned into before."""


@dataclass(frozen=True)
class InMemory:
    """The bytes of a picture file that lies on no disk. name: what errors call it."""

    name: str
    content: bytes

    def __str__(self) -> str:
        return self.name


PictureFile: TypeAlias = Path | InMemory


def require_pillow() -> None:
    """Check that Pillow is installed.

    Raises:
        DataError: it is not.
    """
    try:
        import PIL  # noqa: F401
    except ModuleNotFoundError as error:
        message = "reading pictures needs Pillow, which is not installed"
        raise DataError(hint(message, "pip install 'xpcnn[images]'")) from error


@contextmanager
def opened(path: PictureFile) -> Iterator["Image"]:
    """Open a picture file: its header is read, its pixels when they are asked for.

    Raises:
        DataError: Pillow is missing, or the file cannot be read, also at any later read of it.
    """
    require_pillow()
    from PIL import Image, UnidentifiedImageError

    Image.init()
    if _is_heif(path):
        _read_heif(path)
    formats = [name for name in FORMATS if name in Image.OPEN]  # old Pillows lack some
    try:
        with (
            _without_warnings(),
            _stream(path) as file,
            Image.open(file, formats=formats) as picture,
        ):
            bytes_ = len(path.content) if isinstance(path, InMemory) else path.stat().st_size
            most = min(_MOST_PIXELS, _ALWAYS + _PER_BYTE * bytes_)
            if picture.width * picture.height > most and picture.format not in _DRAFTED:
                message = (
                    f"{path}: {picture.width} x {picture.height} pixels are too many "
                    f"for a file of {bytes_:,} bytes"
                )
                raise DataError(hint(message, _SMALLER))
            yield picture
    except DataError:
        raise
    except UnidentifiedImageError as error:
        with _stream(path) as file:
            start = file.read(16)
        if start[4:12] in _HEIF_STARTS and not _is_heif(path):
            message = f"{path}: is a HEIC picture under another name"
            raise DataError(hint(message, "a name that ends in .heic")) from error
        if kind := next((name for name in formats if _begins(name, start)), ""):
            raise DataError(hint(f"{path}: is a damaged {kind} file", _AGAIN)) from error
        message = f"{path}: is not a picture in a format that can be read ({', '.join(FORMATS)})"
        raise DataError(hint(message if start else f"{path}: is empty", _ADVICE)) from error
    except Image.DecompressionBombError as error:
        raise DataError(hint(f"{path}: too many pixels", _SMALLER)) from error
    except MemoryError as error:
        raise DataError(hint(f"{path}: needs more memory than there is", _SMALLER)) from error
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            message = f"{path}: cannot be read: {error.strerror}"
            raise DataError(hint(message, "check the path and the disk")) from error
        message = f"{path}: the picture is damaged: {error}"
        raise DataError(hint(message, _AGAIN)) from error


def _is_heif(path: PictureFile) -> bool:
    """Whether a picture is in a format of HEIF, by its name or, in memory, by its bytes."""
    if isinstance(path, InMemory):
        return path.content[4:12] in _HEIF_STARTS
    return path.suffix.lower() in HEIF


def _read_heif(path: PictureFile) -> None:
    """Let Pillow read HEIF, by the package pillow-heif.

    Raises:
        DataError: the package is not installed.
    """
    try:
        import_module("pillow_heif").register_heif_opener()
    except ModuleNotFoundError as error:
        message = f"{path}: reading HEIC pictures needs pillow-heif, which is not installed"
        raise DataError(hint(message, "pip install 'xpcnn[heic]', or JPEG files")) from error


class _Quiet:
    """How many blocks, of any thread, ignore Pillow's warnings: threads share one list of them."""

    lock, blocks = threading.Lock(), 0


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Ignore what Pillow warns of: many pixels, whose limit is here, and odd metadata."""
    with _Quiet.lock:
        _Quiet.blocks += 1
        warnings.filterwarnings("ignore", module=_PILLOW)
    try:
        yield
    finally:
        with _Quiet.lock:
            _Quiet.blocks -= 1
            if _Quiet.blocks == 0:
                ours = [one for one in warnings.filters if getattr(one[3], "pattern", 0) == _PILLOW]
                for one in ours:
                    warnings.filters.remove(one)  # type: ignore[attr-defined]  # it is a list


def _begins(kind: str, start: bytes) -> bool:
    """Whether a file that begins with these bytes says that it is of a format of Pillow's."""
    from PIL import Image

    accept = Image.OPEN[kind][1]
    return accept is not None and accept(start) is True


def _stream(path: PictureFile) -> AbstractContextManager[BinaryIO]:
    return BytesIO(path.content) if isinstance(path, InMemory) else open_regular(path)


def has_picture_name(path: str) -> bool:
    """Whether the name of a file is that of a picture; hidden files are none."""
    name = os.path.basename(path)
    stem, dot, ending = name.rpartition(".")
    return dot + ending.lower() in ENDINGS and stem != "" and not name.startswith(".")


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
    if enough is not None and picture.format in _DRAFTED:
        picture.draft(None, (enough, enough))
    if picture.width * picture.height > _MOST_PIXELS:
        message = f"{path}: {picture.width} x {picture.height} pixels are too many"
        raise DataError(hint(message, _SMALLER))
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
