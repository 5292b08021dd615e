"""The columns of a CSV file: what they hold, and the images that they make."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from xpcnn.errors import DataError, hint
from xpcnn.types import Shape

Size: TypeAlias = tuple[int, int]  # (h, w)

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)
FORM = "a header such as label,pixel0,...,pixel783 (for images without labels: pixel0,...)"
Columns: TypeAlias = str | int | Sequence[str | int] | None
"""Which columns are the label, or the targets: a name, a number, or several; "a,b" is two names."""

LABEL_FLAG = "--label-column NAME or NUMBER (label_column=...), counted from 1, or -1 for the last"


def is_csv(path: Path) -> bool:
    """Whether a path is named like a CSV file; its delimiter may be a tab."""
    return path.suffix.lower() in (".csv", ".tsv")


@dataclass(frozen=True)
class Layout:
    """Which column of a CSV file holds what.

    delimiter: between the fields of a line, one of `DELIMITERS`.
    header: whether line 1 holds names of the columns.
    names: of the columns; "column 1", "column 2", ... without a header.
    label, ids, pixels: indices of columns, from 0; label is None without a label.
    shape: (c, h, w) of an image.
    note: how the columns are read, where the file does not say it; "" for nothing to say.
    targets: indices of the columns of several labels or numbers, in place of a label.
    """

    delimiter: str
    header: bool
    names: tuple[str, ...]
    label: int | None
    ids: tuple[int, ...]
    pixels: tuple[int, ...]
    shape: Shape
    note: str = ""
    targets: tuple[int, ...] = ()


def image_shape(columns: int, size: Size | None) -> Shape | None:
    """Return (c, h, w) of images with `columns` values; None if there is no such shape."""
    for channels in (1, 3):
        pixels, rest = divmod(columns, channels)
        h, w = size or (math.isqrt(max(pixels, 0)),) * 2
        if pixels > 0 and rest == 0 and h * w == pixels:
            return channels, h, w
    return None


def shape_of(path: Path, columns: int, size: Size | None) -> Shape:
    """Return (c, h, w) of images with `columns` values.

    Raises:
        DataError: they make no image of the size, or no square one where no size is given.
    """
    if columns == 0:
        message = f"{path}: has no columns of pixels"
        advice = "if it names pictures: a column called file with whole names, such as photos/1.jpg"
        raise DataError(hint(message, advice))
    shape = image_shape(columns, size)
    if shape is None:
        expected = "square images" if size is None else f"images of {size[0]} x {size[1]}"
        message = f"{path}: {columns} columns of pixels do not make {expected}"
        advice = "--image-size H,W with their size (image_size=(h, w)); other numbers than pixels: "
        raise DataError(hint(message, f"{advice}Model.fit in Python"))
    return shape
