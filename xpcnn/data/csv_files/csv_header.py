"""CSV files with a header: the names of the columns say what each holds.

`label`, `class`, `target` and the like are the label; `id`, `index`, a blank name and the like are
ids; the others are pixels.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from xpcnn.data.csv_files.csv_columns import LABEL_FLAG, NUMBER, Layout, Size, shape_of
from xpcnn.errors import DataError, hint

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


def is_header(path: Path, cells: Sequence[str]) -> bool:
    """Whether the first line holds names of columns rather than an image."""
    text = [cell for cell in cells if not NUMBER.fullmatch(cell)]
    numbers = [cell for cell in cells if NUMBER.fullmatch(cell)]
    known = any(is_label(cell) or _is_id(cell) for cell in text)
    if 2 * len(text) > len(cells) or {"label", "labels"} & {cell.casefold() for cell in text}:
        return True
    counted = any(numbers == list(map(str, range(i, i + len(numbers)))) for i in (0, 1))
    if counted and (known or len(numbers) > _PIXEL_VALUES):  # more than a pixel can be
        return True
    if counted:
        message = f"{path}: line 1 may be a header of numbered columns or an image"
        raise DataError(hint(message, "names for the columns, such as label,pixel0,pixel1,..."))
    return False


def is_label(name: str) -> bool:
    """Whether a column is called like one of labels."""
    return name.casefold() in _LABELS


def _is_id(name: str) -> bool:
    name = name.casefold()
    return not name or name in _IDS or name.startswith("unnamed:")  # as pandas calls them


def by_names(
    path: Path,
    delimiter: str,
    names: Sequence[str],
    size: Size | None,
    label: int | None,
    others: Sequence[int] = (),
) -> Layout:
    """Return the layout of a file whose columns have names.

    label: of the column that is given as the label; others: further columns that are not pixels.

    Raises:
        DataError: two columns may be the label, or the pixels are not numbered in order.
    """
    candidates = [i for i, name in enumerate(names) if is_label(name)]
    ids = [i for i, name in enumerate(names) if _is_id(name) and i not in (label, *others)]
    note = ""
    if label is None and len(candidates) > 1:
        listing = " or ".join(repr(names[i]) for i in candidates)
        raise DataError(hint(f"{path}: the column of the labels may be {listing}", LABEL_FLAG))
    given = label is not None
    if label is None and candidates:
        label = candidates[0]
    taken = {label, *others, *ids, *(candidates if given else ())}
    rest = [i for i in range(len(names)) if i not in taken]
    odd = _odd(names, rest)
    if odd and not given:
        listing = ", ".join(repr(names[i]) for i in odd[:5])
        them = f"column {listing} is" if len(odd) == 1 else f"the columns {listing} are"
        message = f"{path}: {them} not among the numbered pixels"
        if label is None:
            raise DataError(hint(f"{message}: it may be the label or irrelevant", LABEL_FLAG))
        message += f", and {names[label]!r} is the label"
        raise DataError(hint(message, f"the file without it, or --label-column {names[label]}"))
    pixels = [i for i in rest if i not in odd]
    _check_numbering(path, [names[i] for i in pixels])
    left = [names[i] for i in (*candidates, *odd) if i not in (label, *others, *pixels)]
    if left:
        note = f"{path}: columns left out: {', '.join(map(repr, left[:5]))}"
    shape = shape_of(path, len(pixels), size)
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
