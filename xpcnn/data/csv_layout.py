"""Which column of a CSV file holds what: the label, ids, pixels.

With a header, names decide: `label`, `class`, `target` and the like are the label; `id`, `index`,
a blank name and the like are ids; the others are pixels. Without one, the label is the first or the
last column, whichever holds 0, 1, ... or text that repeats. Where two readings are possible the
error names both, and `label_column` decides.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from xpcnn.errors import ConfigError, DataError, hint, nearest
from xpcnn.types import Shape

Size: TypeAlias = tuple[int, int]  # (h, w)
Edges: TypeAlias = Callable[[str], tuple[list[str], list[str]]]
"""From the delimiter to the fields of the first and of the last column in all rows."""

DELIMITERS = ",;\t"
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)
FORM = "a header such as label,pixel0,...,pixel783 (for images without labels: pixel0,...)"

_LABELS = frozenset(
    ["label", "labels", "class", "classes", "class_label", "target", "targets", "category", "y"]
)
_IDS = frozenset(
    [
        "id",
        "ids",
        "index",
        "idx",
        "row_id",
        "image_id",
        "imageid",
        "image",
        "img",
        "image_name",
        "file",
        "filename",
        "file_name",
        "path",
        "image_path",
    ]
)
_PIXEL_VALUES = 256
_FLAG = "--label-column NAME or NUMBER (label_column=...), counted from 1, or -1 for the last"


@dataclass(frozen=True)
class Layout:
    """delimiter; header: whether line 1 holds names; names: of the columns, "column 1", ... without
    a header; label, ids, pixels: indices of columns; shape: (c, h, w) of an image; note: how the
    columns are read, where the file does not say it.
    """

    delimiter: str
    header: bool
    names: tuple[str, ...]
    label: int | None
    ids: tuple[int, ...]
    pixels: tuple[int, ...]
    shape: Shape
    note: str = ""


def layout(
    path: Path,
    first: str,
    edges: Edges,
    image_size: Size | None = None,
    label_column: str | int | None = None,
) -> Layout:
    """Return what the columns of a file hold, by its first line that is not blank.

    label_column: the label's name or number, counted from 1, or from -1 at the end.

    Raises:
        DataError: the columns are not those of images, or two readings are possible.
        ConfigError: there is no such label_column.
    """
    delimiter, cells = fields(path, first)
    if not _is_header(path, cells):
        label = _given(path, None, len(cells), label_column)
        return _without_names(path, delimiter, cells, edges, image_size, label)
    label = _given(path, cells, len(cells), label_column)
    return _by_names(path, delimiter, cells, image_size, label)


def split_cells(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line, without their quotes.

    Raises:
        csv.Error: a field is longer than Python's csv module takes.
    """
    return next(csv.reader([line], delimiter=delimiter), [])


def fields(path: Path, line: str) -> tuple[str, list[str]]:
    """Return the delimiter of a line and its fields.

    Raises:
        DataError: there is no delimiter, or more than one.
    """
    try:
        found = {d: split_cells(line, d) for d in DELIMITERS if d in line}
    except csv.Error as error:
        raise DataError(hint(f"{path}: line 1 cannot be read: {error}", FORM)) from error
    found = {d: cells for d, cells in found.items() if len(cells) > 1}
    if len(found) > 1:
        counts = " or ".join(f"{len(cells)} columns by {d!r}" for d, cells in found.items())
        message = f"{path}: line 1 has more than one delimiter: {counts}"
        raise DataError(hint(message, "quotes around text that holds a delimiter"))
    if not found:
        message = f"{path}: line 1 has no comma, semicolon or tab, so only one column"
        raise DataError(hint(message, FORM))
    delimiter, cells = next(iter(found.items()))
    return delimiter, [cell.strip() for cell in cells]


def _is_header(path: Path, cells: Sequence[str]) -> bool:
    """Tell whether the first line holds names of columns rather than an image."""
    text = [cell for cell in cells if not NUMBER.fullmatch(cell)]
    numbers = [cell for cell in cells if NUMBER.fullmatch(cell)]
    known = any(_is_label(cell) or _is_id(cell) for cell in text)
    if 2 * len(text) > len(cells) or {"label", "labels"} & {cell.casefold() for cell in text}:
        return True
    counted = any(numbers == list(map(str, range(i, i + len(numbers)))) for i in (0, 1))
    if counted and (known or len(numbers) > _PIXEL_VALUES):  # more than a pixel can be
        return True
    if counted:
        message = f"{path}: line 1 may be a header of numbered columns or an image"
        raise DataError(hint(message, "names for the columns, such as label,pixel0,pixel1,..."))
    return False


def _is_label(name: str) -> bool:
    return name.casefold() in _LABELS


def _is_id(name: str) -> bool:
    name = name.casefold()
    return not name or name in _IDS or name.startswith("unnamed:")  # as pandas calls them


def _given(
    path: Path, names: Sequence[str] | None, count: int, column: str | int | None
) -> int | None:
    """Return the index of the column that `label_column` names or numbers, None for None."""
    if column is None:
        return None
    by_name = [i for i, name in enumerate(names or ()) if name == str(column)]
    number = int(column) if re.fullmatch(r"[+-]?\d{1,9}", str(column)) else None
    by_number = None
    if number is not None and 1 <= abs(number) <= count:
        by_number = number - 1 if number > 0 else count + number
    if len(by_name) > 1 or (by_name and by_number not in (None, by_name[0])):
        message = f"{path}: {column} is the name of column {by_name[0] + 1}"
        other = f"of column {by_name[1] + 1} too" if len(by_name) > 1 else "the number of another"
        raise ConfigError(hint(f"{message} and {other}", "rename the column of the labels"))
    if by_name:
        return by_name[0]
    if by_number is not None:
        return by_number
    if number is None and names is None:
        message = f"{path}: has no header, so no column is called {column!r}"
        raise ConfigError(hint(message, f"a number from 1 to {count}, or -1 for the last"))
    if number is None:
        short = [name for name in names or () if not re.search(r"\d$", name)] or ["label"]
        raise ConfigError(
            hint(f"{path}: there is no column {column!r}", nearest(str(column), short))
        )
    message = f"{path}: there is no column {column}: columns are numbered from 1 to {count}"
    raise ConfigError(hint(message, f"1 for the first column, {count} or -1 for the last"))


def _by_names(
    path: Path, delimiter: str, names: Sequence[str], size: Size | None, label: int | None
) -> Layout:
    candidates = [i for i, name in enumerate(names) if _is_label(name)]
    ids = [i for i, name in enumerate(names) if _is_id(name) and i != label]
    note = ""
    if label is None and len(candidates) > 1:
        listing = " or ".join(repr(names[i]) for i in candidates)
        raise DataError(hint(f"{path}: the column of the labels may be {listing}", _FLAG))
    given = label is not None
    if label is None and candidates:
        label = candidates[0]
    taken = {label, *ids, *(candidates if given else ())}
    rest = [i for i in range(len(names)) if i not in taken]
    odd = _odd(names, rest)
    if odd and not given:
        listing = ", ".join(repr(names[i]) for i in odd[:5])
        them = f"column {listing} is" if len(odd) == 1 else f"the columns {listing} are"
        message = f"{path}: {them} no numbered pixel"
        if label is None:
            raise DataError(hint(f"{message}: it may be the label, or of no use", _FLAG))
        message += f", and {names[label]!r} is the label"
        raise DataError(hint(message, f"the file without it, or --label-column {names[label]}"))
    pixels = [i for i in rest if i not in odd]
    _check_numbering(path, [names[i] for i in pixels])
    left = [names[i] for i in (*candidates, *odd) if i != label and i not in pixels]
    if left:
        note = f"{path}: columns left out: {', '.join(map(repr, left[:5]))}"
    shape = _shape(path, len(pixels), size)
    return Layout(delimiter, True, tuple(names), label, tuple(ids), tuple(pixels), shape, note)


def _odd(names: Sequence[str], columns: Sequence[int]) -> list[int]:
    """Return the columns whose names stand alone among numbered ones, such as pixel0, pixel1."""
    patterns = {i: re.sub(r"\d+", "#", names[i]) for i in columns}
    counts = Counter(patterns.values())
    numbered = any("#" in pattern and count > 1 for pattern, count in counts.items())
    return [i for i in columns if numbered and counts[patterns[i]] == 1]


def _check_numbering(path: Path, names: Sequence[str]) -> None:
    """Require of numbered pixels that none is missing and that they are in order."""
    for before, name in pairwise(names):
        ours, theirs = (re.fullmatch(r"(\D*)(\d{1,9})", x, re.ASCII) for x in (before, name))
        if ours and theirs and ours[1] == theirs[1] and int(theirs[2]) != int(ours[2]) + 1:
            expected = f"{ours[1]}{int(ours[2]) + 1:0{len(ours[2])}}"
            message = f"{path}: after the column {before} comes {name}, expected {expected}"
            raise DataError(hint(message, "the file with all its columns, in their order"))


def _without_names(
    path: Path,
    delimiter: str,
    cells: Sequence[str],
    edges: Edges,
    size: Size | None,
    label: int | None,
) -> Layout:
    """Return the layout of a file without a header."""
    count = len(cells)
    fits = [_image_shape(count - extra, size) for extra in (0, 1, 2)]
    columns = dict(zip((0, count - 1), edges(delimiter), strict=True))
    index = [i for i, values in columns.items() if i != label and _is_index(values)]
    given, ids = label is not None, list[int]()
    if fits[0] is not None and fits[1] is not None and not given:
        message = f"{path}: has no header, and its {count} columns may hold a label or not"
        raise DataError(hint(message, FORM))
    if fits[0] is not None and not given:
        pass  # pixels alone
    elif fits[1] is not None and (given or not index):
        label = label if given else _label_at_an_edge(path, columns)
    elif fits[1] is not None and len(index) == 1:
        ids = index
    elif fits[2] is not None and len(index) == 1:
        ids = index
        other = next(i for i in columns if i != ids[0])
        if label is None and not _are_labels(columns[other]):
            message = f"{path}: has no header; column {ids[0] + 1} numbers the rows, and the label"
            raise DataError(hint(f"{message} may be any other", _FLAG))
        label = other if label is None else label
    else:
        _shape(path, count - (1 if given else 0), size)
        message = f"{path}: has no header, and its {count} columns can be read in several ways"
        raise DataError(hint(message, FORM))
    pixels = tuple(i for i in range(count) if i != label and i not in ids)
    names = tuple(f"column {i + 1}" for i in range(count))
    label_note = "no labels" if label is None else f"the labels are column {label + 1} of {count}"
    note = f"{path}: has no header; {label_note}"
    shape = _shape(path, len(pixels), size)
    return Layout(delimiter, False, names, label, tuple(ids), pixels, shape, note)


def _label_at_an_edge(path: Path, columns: dict[int, list[str]]) -> int:
    """Return which of the first and the last column holds labels, if one does and one cannot."""
    found = [i for i, values in columns.items() if _are_labels(values)]
    if len(found) == 1:
        return found[0]
    readings = f"column 1, or column {max(columns) + 1}, the last"
    message = f"{path}: has no header, and the labels may be {readings}"
    raise DataError(hint(message, _FLAG))


def _are_labels(values: Sequence[str]) -> bool:
    """Tell whether the values repeat and are text, or the numbers from 0 or 1 without a gap."""
    distinct = set(values)
    if not 1 < len(distinct) <= len(values) / 2:
        return False
    if not any(NUMBER.fullmatch(value) for value in distinct):
        return "" not in distinct
    numbers = {float(v) for v in distinct if NUMBER.fullmatch(v)}
    return len(numbers) == len(distinct) and (
        max(numbers) - min(numbers) == len(numbers) - 1 and min(numbers) in (0, 1)
    )


def _is_index(values: Sequence[str]) -> bool:
    """Tell whether the values number the rows from 0 or 1, or are text that never repeats."""
    if len(values) < 3 or len(set(values)) < len(values):
        return False
    if not any(NUMBER.fullmatch(value) for value in values):
        return True
    return any(list(values) == list(map(str, range(i, i + len(values)))) for i in (0, 1))


def _image_shape(columns: int, size: Size | None) -> Shape | None:
    """Return (c, h, w) of images of so many values, None where they make none."""
    for channels in (1, 3):
        pixels, rest = divmod(columns, channels)
        h, w = size or (math.isqrt(max(pixels, 0)),) * 2
        if pixels > 0 and rest == 0 and h * w == pixels:
            return channels, h, w
    return None


def _shape(path: Path, columns: int, size: Size | None) -> Shape:
    if columns == 0:
        message = f"{path}: has no columns of pixels"
        advice = "a folder of pictures for each class, where the file only names pictures"
        raise DataError(hint(message, advice))
    shape = _image_shape(columns, size)
    if shape is None:
        expected = "square images" if size is None else f"images of {size[0]} x {size[1]}"
        message = f"{path}: {columns} columns of pixels do not make {expected}"
        raise DataError(hint(message, "--image-size H,W with their size (image_size=(h, w))"))
    return shape
