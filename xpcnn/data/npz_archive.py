"""The arrays in a .npz file, which is a ZIP archive: read, or mapped into memory where they lie.

Rejects Python objects, which are pickled, and arrays that are not as long as their headers say: a
size is checked before memory is taken for it, and what is compressed expands to at most
`files.LIMIT`.
"""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import numpy as np

from xpcnn.data.files import AGAIN, LIMIT, fill, open_regular
from xpcnn.data.npy_header import array_header
from xpcnn.data.stored import STREAM_FROM
from xpcnn.errors import DataError, hint
from xpcnn.types import Shape

_DEFLATE = 1032  # times that deflate can expand data, at most
_REASON = 200  # characters
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError)
_FORM = "numpy.savez(path, images=images, labels=labels)"


def read_array(
    path: Path, archive: zipfile.ZipFile, name: str, stream: bool | None = False
) -> np.ndarray:
    """Return one array, its length checked before and after it is read.

    stream: whether it is mapped into memory, in place of being read; None for those that are large.

    Raises:
        DataError: there is no such array, or it is damaged; names it.
    """
    held = entries(archive)
    if name not in held:
        listing = ", ".join(sorted(held))[:200] or "none"
        message = f"{path}: has no array {name!r}; those in it: {listing}"
        raise DataError(hint(message, _FORM))
    info, where = held[name], f"{path}: {name}"
    expansion = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _DEFLATE}.get(info.compress_type, 0)
    if not expansion or info.flag_bits & 1:
        raise DataError(hint(f"{where} is encrypted, or packed as NumPy never does", _FORM))
    with archive.open(info) as member:
        source = cast(BufferedIOBase, member)
        shape, fortran, dtype = array_header(where, source)
        size = math.prod(shape) * dtype.itemsize
        what = f"{where}: its header says {dtype} {shape}, {size} bytes"
        if size > min(info.compress_size, path.stat().st_size) * expansion:
            raise DataError(hint(f"{what}: more than it can hold", AGAIN))
        if expansion > 1 and size > LIMIT:
            message = f"{what}: more than the {LIMIT} that compressed data may expand to"
            raise DataError(
                hint(message, "numpy.savez instead of savez_compressed, if you trust it")
            )
        if stream or (stream is None and size > STREAM_FROM):
            return _mapped(path, archive, info, member.tell(), (shape, fortran, dtype), what)
        raw = np.empty(size, np.uint8)
        have = fill(source, raw) if size else 0
        if have < size:
            raise DataError(hint(f"{what}, but only {have} follow", AGAIN))
        if source.read(1):
            raise DataError(hint(f"{what}, but more follow", AGAIN))
    try:
        array = raw.view(dtype).reshape(shape, order="F" if fortran else "C")
    except ValueError as error:  # no elements in 99 dimensions
        raise DataError(hint(f"{where} is not an array of numbers or names", _FORM)) from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _mapped(
    path: Path,
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    header: int,
    kind: tuple[Shape, bool, np.dtype],
    what: str,
) -> np.ndarray:
    """Return an array where it lies in the file, mapped into memory.

    header: bytes of the array's own header; kind: its shape, order and dtype.
    """
    if info.compress_type != zipfile.ZIP_STORED:
        message = f"{what}, and is compressed, so that it cannot be mapped into memory"
        raise DataError(hint(message, "numpy.savez in place of savez_compressed, or --stream no"))
    shape, fortran, dtype = kind
    size = math.prod(shape) * dtype.itemsize
    if header + size != info.file_size:
        raise DataError(hint(f"{what}, but {info.file_size - header} follow", AGAIN))
    file = archive.fp
    assert file is not None
    file.seek(info.header_offset + 26)  # ZIP: the local header has 30 bytes, a name, and extras
    lengths = file.read(4)
    name, extra = (int.from_bytes(lengths[i : i + 2], "little") for i in (0, 2))
    start = info.header_offset + 30 + name + extra + header
    if size == 0 or start + size > path.stat().st_size:
        raise DataError(hint(f"{what}: more than follow", AGAIN))
    return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the arrays in a file by their names."""
    return {info.filename.removesuffix(".npy"): info for info in archive.infolist()}


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a file; name it in what goes wrong with it.

    Raises:
        DataError: it cannot be read, or is damaged.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except _DAMAGE as error:
        reason = str(error)[:_REASON]  # some quote all that is in the file
        raise DataError(hint(f"{path}: is damaged, or not a .npz file: {reason}", AGAIN)) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, "check the path and who may read it")) from error
