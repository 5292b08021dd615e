"""Images as rows of a CSV file, in the form of Kaggle's digit recognizer.

The header is `label,pixel0,pixel1,...`, or the pixels alone for images without labels; a row is one
image, its pixels whole numbers from 0 to 255, row by row (of three channels: one after the other).
Refuses files without a header, other numbers, rows of another length, text that is not UTF-8.
"""

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from typing import TextIO

import numpy as np

from xpcnn.errors import DataError, LabelError, XpcnnError, hint
from xpcnn.types import Shape

MOST_CLASSES = 1 << 16  # where they have no names
_VALUES = 1 << 22  # read at a time
_HEADER = 1 << 22  # characters of the header at most
_CELL = 32  # characters of a number at most, on average over a line
_LABEL = "label"
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,9}\s*", re.ASCII)
_FORM = "a header such as label,pixel0,...,pixel783 (for images without labels: pixel0,...)"
_PIXELS = "pixels as whole numbers from 0 to 255; a .npz file takes others"

Size = tuple[int, int]  # (h, w)


def read(path: Path, image_size: Size | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return uint8 images (n, c, h, w) and int64 labels (n,), None where the file has no labels.

    Without image_size the images are square: of one channel, or else of three.

    Raises:
        DataError: the file is not what it should be; says in which line, where it is one.
        LabelError: a label is no whole number from 0 on.
    """
    images, labels = [], []
    with _opened(path) as file:
        names = _header(path, file)
        has_label = names[0] == _LABEL
        shape = _shape(path, names[has_label:], image_size)
        for start, lines in _lines(path, file, len(names)):
            values = _numbers(path, names, start, lines)  # (rows, columns)
            images.append(values[:, has_label:].astype(np.uint8))
            labels.append(values[:, 0].astype(np.int64))
    if not images:
        message = f"{path}: holds no images, only a header"
        raise DataError(hint(message, "get or write the file again"))
    x = np.concatenate(images).reshape(-1, *shape)
    return x, np.concatenate(labels) if has_label else None


def has_labels(path: Path) -> bool:
    """Tell whether the file's first column is `label`."""
    with _opened(path) as file:
        return _header(path, file)[0] == _LABEL


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield file
    except UnicodeDecodeError as error:
        message = f"{path}: is no text in UTF-8"
        raise DataError(
            hint(message, "unpack it, if it is an archive; or save it as CSV in UTF-8")
        ) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, "check the path and who may read it")) from error


def _header(path: Path, file: TextIO) -> list[str]:
    """Return the names of the columns, `label` in lower case."""
    line = file.readline(_HEADER)
    if not line.strip():
        fault = "line 1 is blank" if line else "is empty"
        raise DataError(hint(f"{path}: {fault}", _FORM))
    if len(line) == _HEADER:
        raise DataError(hint(f"{path}: line 1 is longer than any header", _FORM))
    names = [name.strip().strip('"') for name in line.split(",")]
    if len(names) == 1 and re.search(r"[;\t]", line):
        raise DataError(hint(f"{path}: line 1 has no commas", "commas between names and values"))
    if all(map(_WHOLE.fullmatch, names)):
        message = f"{path}: line 1 holds numbers, expected the names of the columns"
        raise DataError(hint(message, _FORM))
    lower = [name.lower() for name in names]
    if _LABEL in lower[1:]:
        message = f"{path}: the column label is number {lower.index(_LABEL, 1) + 1}"
        raise DataError(hint(f"{message}, expected it first", _FORM))
    if lower[0] == _LABEL:
        names[0] = _LABEL
    return names


def _shape(path: Path, names: Sequence[str], image_size: Size | None) -> Shape:
    """Return (c, h, w) of images with a column for each of `names`."""
    for before, name in pairwise(names):
        if re.fullmatch(r"pixel[0-9]{1,9}", before):
            expected = f"pixel{int(before[5:]) + 1}"
            if name != expected:
                message = (
                    f"{path}: after the column {before} comes {name[:40]}, expected {expected}"
                )
                raise DataError(hint(message, "the file with all its columns, in their order"))
    for channels in (1, 3):
        pixels, rest = divmod(len(names), channels)
        h, w = image_size or (math.isqrt(pixels),) * 2
        if pixels and rest == 0 and h * w == pixels:
            return channels, h, w
    expected = "square images" if image_size is None else f"images of {h} x {w}"
    message = f"{path}: {len(names)} columns of pixels do not make {expected}"
    raise DataError(hint(message, "--image-size H,W with their size (image_size=(h, w))"))


def _lines(path: Path, file: TextIO, columns: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines after the header, some at a time, with the number of the first."""
    most, rows = _CELL * columns, max(1, _VALUES // columns)
    number = 2
    while lines := list(islice(iter(lambda: file.readline(most + 1), ""), rows)):
        for i, line in enumerate(lines):
            if len(line) > most:
                message = f"{path}: line {number + i} is longer than {columns} numbers can be"
                raise DataError(hint(message, "a line for each image"))
        if not all(map(str.isspace, lines)):
            yield number, lines
        number += len(lines)


def _numbers(path: Path, names: Sequence[str], start: int, lines: list[str]) -> np.ndarray:
    """Return the numbers of all lines that are not blank: int32 (rows, columns)."""
    rows = [line for line in lines if not line.isspace()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy before 2.3 cuts fractions off with a warning
            values = np.loadtxt(rows, np.int32, delimiter=",", comments=None, ndmin=2)
    except (ValueError, DeprecationWarning) as error:
        raise _fault(path, names, start, lines) from error
    largest = np.full(values.shape[1], 255)
    if names[0] == _LABEL:
        largest[0] = MOST_CLASSES - 1
    if values.shape[1] != len(names) or (values < 0).any() or (values > largest).any():
        raise _fault(path, names, start, lines)
    return values


def _fault(path: Path, names: Sequence[str], start: int, lines: list[str]) -> XpcnnError:
    """Return what is wrong with the first bad line."""
    for number, line in enumerate(lines, start):
        if line.isspace():
            continue
        cells = line.rstrip("\n").split(",")
        if len(cells) != len(names):
            message = (
                f"{path}: line {number} has {len(cells)} values, the header {len(names)} names"
            )
            return DataError(hint(message, "a line for each image, a comma between values"))
        for name, cell in zip(names, cells, strict=True):
            largest = MOST_CLASSES - 1 if name == _LABEL else 255
            if not (_WHOLE.fullmatch(cell) and 0 <= int(cell) <= largest):
                shown = repr(cell if len(cell) <= 20 else f"{cell[:20]}...")
                message = f"{path}: line {number}, column {name}: {shown} is not a whole number"
                if name == _LABEL:
                    advice = "classes numbered from 0, or a folder of images for each class"
                    return LabelError(hint(f"{message} from 0 to {largest}", advice))
                return DataError(hint(f"{message} from 0 to 255", _PIXELS))
    end = start + len(lines) - 1
    return DataError(hint(f"{path}: lines {start} to {end} cannot be read as numbers", _PIXELS))
