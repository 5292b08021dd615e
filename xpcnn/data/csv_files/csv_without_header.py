"""CSV files without a header: the label is the first or the last column.

The label is the one of the two that holds 0, 1, ... or text that repeats; if both do,
`label_column` decides.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from xpcnn.data.csv_files.csv_columns import (
    FORM,
    LABEL_FLAG,
    NUMBER,
    Layout,
    Size,
    image_shape,
    shape_of,
)
from xpcnn.errors import DataError, hint

Edges: TypeAlias = Callable[[str], tuple[list[str], list[str]]]
"""From the delimiter to the fields of the first and of the last column in all rows."""


def without_names(
    path: Path,
    delimiter: str,
    cells: Sequence[str],
    edges: Edges,
    size: Size | None,
    label: int | None,
) -> Layout:
    """Return the layout of a file without a header.

    Raises:
        DataError: the columns can be read in several ways, or make no images.
    """
    count = len(cells)
    fits = [image_shape(count - extra, size) for extra in (0, 1, 2)]
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
            raise DataError(hint(f"{message} may be any other", LABEL_FLAG))
        label = other if label is None else label
    else:
        shape_of(path, count - (1 if given else 0), size)
        message = f"{path}: has no header, and its {count} columns can be read in several ways"
        raise DataError(hint(message, FORM))
    pixels = tuple(i for i in range(count) if i != label and i not in ids)
    names = tuple(f"column {i + 1}" for i in range(count))
    label_note = "no labels" if label is None else f"the labels are column {label + 1} of {count}"
    note = f"{path}: has no header; {label_note}"
    shape = shape_of(path, len(pixels), size)
    return Layout(delimiter, False, names, label, tuple(ids), pixels, shape, note)


def _label_at_an_edge(path: Path, columns: dict[int, list[str]]) -> int:
    """Return which of the first and the last column holds labels, if one does and one cannot."""
    found = [i for i, values in columns.items() if _are_labels(values)]
    if len(found) == 1:
        return found[0]
    readings = f"column 1, or column {max(columns) + 1}, the last"
    message = f"{path}: has no header, and the labels may be {readings}"
    raise DataError(hint(message, LABEL_FLAG))


def _are_labels(values: Sequence[str]) -> bool:
    """Whether the values repeat and are text, or the numbers from 0 or 1 without a gap."""
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
    """Whether the values number the rows from 0 or 1, or are text that never repeats."""
    if len(values) < 3 or len(set(values)) < len(values):
        return False
    if not any(NUMBER.fullmatch(value) for value in values):
        return True
    return any(list(values) == list(map(str, range(i, i + len(values)))) for i in (0, 1))
