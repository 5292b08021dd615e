"""The labels of samples in tar shards: of the files KEY.cls, KEY.json and KEY.txt.

A class is the text of KEY.cls, a number or a name, or the value of a key of KEY.json. Targets are
the first of these that a sample has: KEY.cls with numbers, such as "0 1 1" or "3.7"; KEY.json;
KEY.txt with numbers. In JSON they are a list of numbers, or of the names of the labels that are
there, or an object, with numbers at the keys that are asked for, or such a list at the only key
that is called label, labels, target and the like. Rejects rows of different lengths.
"""

import json
import math
import re
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xpcnn.data.csv_files.csv_columns import NUMBER, Columns
from xpcnn.data.csv_files.csv_header import is_label
from xpcnn.data.csv_files.csv_rows import target_of
from xpcnn.data.labels import MOST_CLASSES, indicators, relabelled
from xpcnn.errors import ConfigError, DataError, LabelError, counted, hint, nearest
from xpcnn.types import TaskName

FORM = (
    "shards as webdataset writes them: KEY.jpg beside KEY.cls, not compressed; an archive of "
    "folders has to be unpacked"
)

_JSON = ".json"
_MOST = 1 << 20  # bytes of a label
_LARGEST = 1e308
_ROW = "the same numbers for each sample, or names of labels that are there"
Names = tuple[str, ...]


class LabelFiles(NamedTuple):
    """The files that may hold the label of a sample: the first of these endings that is there does.

    most: bytes of one; word, words: what a label is called.
    """

    endings: tuple[str, ...]
    most: int
    word: str
    words: str


class ClassTexts:
    """The classes of samples, each by its text; kind: the files that hold them.

    key: of KEY.json; None for KEY.cls.
    """

    def __init__(self, path: Path, key: str | None) -> None:
        self.path, self.key = path, key
        self.kind = LabelFiles((".cls",), 1 << 10, "class", "classes")
        if key is not None:
            self.kind = LabelFiles((_JSON,), _MOST, "label", "labels")
        self._texts: list[str] = []
        self._known: dict[str, str] = {}  # each class once

    def add(self, where: str, name: str, content: bytes) -> None:
        """Take the class of the next sample from a file of this name."""
        text = content.decode("utf-8", "replace").strip()
        if self.key is not None:
            value = _at_key(where, _parsed(where, content), self.key)
            if isinstance(value, bool) or not isinstance(value, int | str):
                message = f"{where}: {self.key} is neither a whole number nor a name"
                raise LabelError(hint(message, "--task regression, or multi-label, for others"))
            text = str(value)
        self._texts.append(self._known.setdefault(text, text))

    def all(self, names: Names | None) -> tuple[np.ndarray, Names | None]:
        """Return the labels (n,) of classes that are numbers or names, and the names.

        names: those of the file of classes.
        """
        distinct, indices = np.unique(np.asarray(self._texts), return_inverse=True)
        texts = list(map(str, distinct))
        if all(text.isascii() and text.isdigit() and len(text) < 18 for text in texts):
            labels = np.asarray([int(text) for text in texts], np.int64)[indices]
            return labels, names
        if all(all(map(NUMBER.fullmatch, _split(text))) for text in texts):
            message = f"{self.path}: the classes are numbers such as {texts[-1][:20]!r}"
            advice = "--task multi-label for rows of 0 and 1, --task regression for other numbers"
            raise LabelError(hint(message, advice))
        if len(texts) > MOST_CLASSES:
            message = f"{self.path}: the shards have {len(texts)} different classes"
            raise LabelError(hint(message, "KEY.cls with the class of KEY.jpg"))
        if names is None:
            return indices, tuple(texts)
        return relabelled(indices, tuple(texts), names, str(self.path)), names


class TargetRows:
    """The targets of samples, a row for each; kind: the files that hold them.

    keys: of KEY.json, in order; none for whatever a sample has.
    """

    def __init__(self, path: Path, keys: Names, task: TaskName) -> None:
        self.path, self.keys, self.binary = path, keys, task == "multi-label"
        endings = (_JSON,) if keys else (".cls", _JSON, ".txt")
        self.kind = LabelFiles(endings, _MOST, "label", "labels")
        self._width = len(keys)
        self._numbers = array("d")  # of all rows
        self._index: dict[str, int] = {}  # of the names of labels, as they come
        self._sets: list[list[int]] = []  # of the labels that each sample has

    def add(self, where: str, name: str, content: bytes) -> None:
        """Take the row of the next sample from a file of this name."""
        if name.lower().endswith(_JSON):
            row = self._of_json(where, _parsed(where, content))
        else:
            texts = _split(content.decode("utf-8", "replace"))
            row = [target_of(where, text, self.binary) for text in texts]
        if self.binary and not self.keys and all(isinstance(value, str) for value in row):
            self._sets.append([self._index.setdefault(one, len(self._index)) for one in row])
        else:
            numbers = [_number(where, value, self.binary) for value in row]
            self._width = self._width or len(numbers)
            if not numbers or len(numbers) != self._width:
                message = f"{where}: has {counted(len(numbers), 'target')}, expected {self._width}"
                raise LabelError(hint(message, _ROW))
            self._numbers.extend(numbers)
        if self._sets and self._numbers:
            message = f"{where}: some samples have names of labels, and others numbers"
            raise LabelError(hint(message, _ROW))

    def all(self, names: Names | None) -> tuple[np.ndarray, Names | None]:
        """Return the targets (n, k), and the names of labels or numbers.

        names: those of the file of classes.
        """
        if self._sets:
            names = names or tuple(sorted(self._index))
            if unknown := [name for name in self._index if name not in names]:
                message = f"{self.path}: the file of classes has no {unknown[0][:40]!r}"
                raise LabelError(hint(message, nearest(unknown[0], names)))
            own = np.array([names.index(name) for name in self._index], np.int64)
            return indicators([own[row] for row in self._sets], len(names)), names
        names = self.keys or names
        if names is not None and len(names) != self._width:
            message = f"{self.path}: has {self._width} targets for each sample, and the file of "
            raise LabelError(hint(f"{message}classes {len(names)} names", _ROW))
        return np.asarray(self._numbers).reshape(-1, max(1, self._width)), names

    def _of_json(self, where: str, value: Any) -> list[Any]:
        """Return the row that a value of JSON is, or holds."""
        if self.keys:
            return [_at_key(where, value, key) for key in self.keys]
        if isinstance(value, dict):
            known = [key for key in value if is_label(key)]
            if len(known) != 1:
                message = f"{where}: the key of the labels may be {' or '.join(known) or 'any'}"
                raise LabelError(hint(message, "--label-column KEY, or KEY,KEY,... for several"))
            value = value[known[0]]
        return value if isinstance(value, list) else [value]


def reader(path: Path, columns: Columns, task: TaskName | None) -> ClassTexts | TargetRows:
    """Return what reads the labels of shards; columns: which keys of KEY.json are the labels.

    Raises:
        ConfigError: `columns` are no names of keys.
    """
    parts = [] if columns is None else [columns] if isinstance(columns, str | int) else columns
    keys = tuple(key.strip() for part in parts for key in str(part).split(","))
    if any(isinstance(part, int) for part in parts) or len(set(keys)) < len(keys):
        message = f"{path}: label_column is {columns!r}, expected different keys of KEY.json"
        raise ConfigError(hint(message, "--label-column KEY, or KEY,KEY,... for several"))
    if task in (None, "classification") and len(keys) < 2:
        return ClassTexts(path, keys[0] if keys else None)
    return TargetRows(path, keys, "regression" if task == "regression" else "multi-label")


def _split(text: str) -> list[str]:
    """Return the parts of a text between blanks, commas and semicolons."""
    return [part for part in re.split(r"[\s,;]+", text) if part]


def _parsed(where: str, content: bytes) -> Any:
    """Return the value of a text of JSON."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"{where}: is not JSON: {str(error)[:100]}"
        raise DataError(hint(message, _ROW)) from error


def _at_key(where: str, value: Any, key: str) -> Any:
    """Return the value at a key of an object."""
    if isinstance(value, dict) and key in value:
        return value[key]
    keys = list(map(str, value)) if isinstance(value, dict) else []
    raise LabelError(hint(f"{where}: has no key {key!r}", nearest(key, keys)))


def _number(where: str, value: Any, binary: bool) -> float:
    """Return a value of JSON as a number, 0 or 1 where `binary`."""
    if isinstance(value, int | float) and (not binary or value in (0, 1)):
        return float(value) if abs(value) < _LARGEST else math.inf  # which a data set rejects
    return target_of(where, json.dumps(value), binary)  # raises
