"""Opening picture files that are not trusted, with Pillow (`pip install 'xpcnn[images]'`).

Only regular files are opened, only in the formats named here (others could start a program), and
only up to a number of pixels in proportion to the length of the file. Every error is a DataError
that names the file.
"""

import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from xpcnn.data.files import open_regular
from xpcnn.errors import DataError, hint

if TYPE_CHECKING:
    from PIL.Image import Image

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

DRAFTED = ("JPEG", "MPO")  # formats that can be decoded smaller than they are

_MOST_PIXELS = 100_000_000
_ALWAYS = 1 << 25  # pixels that a file of any length may have
_PER_BYTE = 1000  # more of them for each byte of the file: what a blank PNG has
_SMALLER = "the picture in a smaller size: 100 million pixels at most"
_ADVICE = "a PNG or JPEG file"
_AGAIN = "another copy of the picture, or leave it out"
_PILLOW = r"PIL\.|xpcnn\.data\.picture"  # modules to which its warnings belong
_HEIF_STARTS = tuple(b"ftyp" + kind for kind in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"))


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
            if picture.width * picture.height > most and picture.format not in DRAFTED:
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


def with_package(errors: Iterable[Exception], advice: str) -> str:
    """Return advice on pictures that cannot be read, after the package that one of them needs."""
    own = [str(error).partition("\nTry: ")[2] for error in errors]
    return next((f"{each}; or {advice}" for each in own if each.startswith("pip ")), advice)


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


def check_pixels(path: PictureFile, picture: "Image") -> None:
    """Require no more pixels than a picture of any file may have, as large as it is decoded."""
    if picture.width * picture.height > _MOST_PIXELS:
        message = f"{path}: {picture.width} x {picture.height} pixels are too many"
        raise DataError(hint(message, _SMALLER))
