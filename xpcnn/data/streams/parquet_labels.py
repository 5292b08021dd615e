"""The labels of a Parquet file: a column of classes, or one or several of targets.

Targets are columns of numbers, one for each label or number; or a column of lists: rows of equally
many numbers, or, where Hugging Face's metadata name the labels (a sequence of class labels), the
indices of the labels that are there. Rejects missing values, and lists of other lengths.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xpcnn.data.csv_files.csv_columns import Columns
from xpcnn.data.csv_files.csv_layout import given_columns
from xpcnn.data.labels import indicators
from xpcnn.errors import DataError, LabelError, hint
from xpcnn.types import TaskName

FORM = "Parquet files with the columns image (with bytes) and label, as Hugging Face writes them"

_LABELS = ("label", "labels", "fine_label", "class", "target", "targets")


class LabelColumns(NamedTuple):
    """The columns of a Parquet file that hold the labels.

    columns: their names, in the order asked for.
    names: of the classes, labels or numbers; None where they are not known.
    listed: whether the column, the only one, holds lists.
    task: the one that is asked for, if any.
    """

    path: Path
    columns: tuple[str, ...]
    names: tuple[str, ...] | None
    listed: bool
    task: TaskName | None

    def read(self, table: Any) -> np.ndarray:
        """Return the labels of some rows: int64 (n,), or targets, float64 (n, k).

        table: of PyArrow, with the columns.

        Raises:
            LabelError: a value is missing, or has the wrong type.
        """
        if self.listed:
            return self._lists(table.column(0))
        columns = [
            self._numbers(name, table.column(name)) for name in self.columns
        ]  # in their order
        if len(columns) > 1 or self.task not in (None, "classification"):
            return np.stack([column.astype(np.float64) for column in columns], axis=1)
        if columns[0].dtype.kind not in "iu":
            message = f"{self.path}: labels are {table.column(0).type}; expected whole numbers"
            raise LabelError(hint(message, "--task regression, for numbers"))
        return columns[0].astype(np.int64)

    def _numbers(self, name: str, column: Any) -> np.ndarray:
        if column.null_count:
            message = f"{self.path}: {name}: some labels are missing"
            raise LabelError(hint(message, "leave these rows out, or fill the labels in"))
        values = column.to_numpy()
        if values.dtype.kind not in "iufb":
            message = f"{self.path}: {name}: labels are {column.type}, expected numbers"
            advice = f"of Hugging Face's datasets, dataset.class_encode_column({name!r})"
            raise LabelError(hint(message, advice))
        return np.asarray(values)

    def _lists(self, column: Any) -> np.ndarray:
        rows = column.to_pylist()
        if not all(isinstance(row, list) and None not in row for row in rows):
            message = f"{self.path}: {self.columns[0]}: some lists are missing, or values in them"
            raise LabelError(hint(message, "a list for each picture"))
        are_indices = self.names is not None and self.task != "regression"
        kinds = int if are_indices else int | float
        if not all(isinstance(value, kinds) for row in rows for value in row):
            message = f"{self.path}: {self.columns[0]} holds lists of other things than "
            raise LabelError(hint(message + ("indices" if are_indices else "numbers"), FORM))
        if self.names is not None and are_indices:
            wrong = [x for row in rows for x in row if not 0 <= x < len(self.names)]
            if wrong:
                message = f"{self.path}: {self.columns[0]} has {wrong[0]}, which is not a label of "
                raise LabelError(hint(f"{message}{len(self.names)}", "labels from 0 on"))
            return indicators(rows, len(self.names))
        if len({len(row) for row in rows}) > 1:
            message = f"{self.path}: {self.columns[0]} has lists of several lengths, and the "
            message += "metadata do not name their labels"
            raise LabelError(
                hint(message, "a sequence of class labels, or a column for each label")
            )
        return np.asarray(rows, np.float64)


def label_columns(path: Path, schema: Any, given: Columns, task: TaskName | None) -> LabelColumns:
    """Return which columns of a file are the labels; schema: of PyArrow.

    Raises:
        DataError: no column is called like one of labels, and none is given.
        ConfigError: there is no such column as given.
    """
    names = list(schema.names)
    chosen = tuple(names[i] for i in given_columns(path, names, len(names), given))
    if not chosen:
        known = [name for name in _LABELS if name in names]
        if not known:
            listing = ", ".join(map(str, names))[:200]
            message = f"{path}: has the columns {listing}, expected image and label"
            raise DataError(hint(message, f"--label-column NAME; or {FORM}"))
        chosen = (known[0],)
    classes = _classes(schema.metadata or {}, chosen[0])
    listed = "list" in str(schema.field(chosen[0]).type).partition("<")[0]
    if len(chosen) > 1 or (task == "regression" and not listed):
        return LabelColumns(path, chosen, chosen, False, task)
    return LabelColumns(path, chosen, classes, listed, task)


def _classes(metadata: Mapping[bytes, bytes], label: str) -> tuple[str, ...] | None:
    """Return the names of the classes in Hugging Face's metadata; None where they are not there."""
    try:
        feature = json.loads(metadata[b"huggingface"])["info"]["features"][label]
        if isinstance(feature, list):  # a sequence
            feature = feature[0]
        names = feature.get("feature", feature)["names"]
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RecursionError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names) if len(set(names)) == len(names) > 0 else None
