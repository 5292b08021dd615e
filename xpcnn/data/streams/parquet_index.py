"""Where the pictures in Parquet files lie, in the layout of Hugging Face's data sets.

A file has a column of pictures, each with its `bytes`, and a column of labels: by habit `image` and
`label`. The names of the classes are in the file's metadata. Other columns of numbers, or a column
of lists, may be targets (`parquet_labels`). The name of a file says which part of the data set
it is: train-00000-of-00002.parquet, validation-..., test-.... Rows lie in groups, each of which is
read as a whole, so that reading in random order is slow; in order, as by `xpcnn pack`, each group
is read once. Needs PyArrow (`pip install 'xpcnn[parquet]'`).
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from xpcnn.data.csv_files.csv_columns import Columns
from xpcnn.data.files import current_folder, from_folder, open_regular
from xpcnn.data.folder_tree import Name
from xpcnn.data.named_parts import files_in, parts_by_name
from xpcnn.data.picture_files import InMemory
from xpcnn.data.streams.packed_names import PackedNames
from xpcnn.data.streams.parquet_labels import FORM, label_columns
from xpcnn.errors import DataError, LabelError, hint
from xpcnn.types import TaskName

ENDING = ".parquet"

_GROUPS = 4  # that are kept in memory, the last ones
_MOST_GROUP = 1 << 30  # bytes of a group
_PICTURES = ("image", "img", "picture")


class ParquetIndex:
    """The pictures in Parquet files; see `stream.Index`.

    paths: of the files.
    columns: for each file the column of the bytes of pictures, such as image.bytes.
    groups: for each picture the index of its file, of its group in the file, and of its row in the
        group, int64 (n, 3).
    labels: see `stream.Index`.
    given_in: the current folder when the paths were given; None for the present one.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        columns: Sequence[str],
        groups: np.ndarray,
        labels: np.ndarray,
        given_in: str | None = None,
    ) -> None:
        self.paths, self.columns, self.groups, self.labels = paths, columns, groups, labels
        self.name_hashes = PackedNames(
            f"{paths[f].name}/{g}/{i}" for f, g, i in groups.tolist()
        ).hashes
        self._given_in = current_folder() if given_in is None else given_in
        self._kept: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles do without the groups in memory and their lock."""
        own = self.paths, self.columns, self.groups, self.labels, self._given_in
        return ParquetIndex, own

    def file(self, row: int) -> InMemory:
        file, group, place = self.groups[row].tolist()
        with self._lock:  # the threads that wait are likely to want the same group
            if (file, group) not in self._kept:
                path = from_folder(self.paths[file], self._given_in)
                self._kept[file, group] = _group(path, group, self.columns[file])
                if len(self._kept) > _GROUPS:
                    self._kept.popitem(last=False)
            pictures = self._kept[file, group]
        name = f"{self.paths[file]}: picture {place} of group {group}"
        try:
            content = pictures[place].as_py()
        except (IndexError, ValueError):  # a damaged dictionary of equal values
            content = None
        if not isinstance(content, bytes):
            raise DataError(hint(f"{name}: has no bytes", FORM))
        return InMemory(name, content)


def index_of(
    path: Path, columns: Columns = None, task: TaskName | None = None
) -> tuple[ParquetIndex, dict[Name, np.ndarray], tuple[str, ...] | None]:
    """Return the index of a Parquet file or a folder of them, the rows of each part, the classes.

    The classes are None where the files do not name them.

    columns, task: which columns are the labels, and what they are; see `loading.load`.

    Raises:
        DataError, LabelError: PyArrow is missing; or names the file, and what is wrong in it.
        ConfigError: there is no such column.
    """
    paths = files_in(path, ENDING)
    parts = parts_by_name(path, paths)
    pictures: list[str] = []
    classes: tuple[str, ...] | None = None
    groups: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    rows: dict[Name, list[np.ndarray]] = {}
    count = 0
    for i, (one, part) in enumerate(zip(paths, parts, strict=True)):
        with _opened(one) as file:
            pictures.append(_bytes(one, file.schema_arrow.names, file.metadata.schema))
            found = label_columns(one, file.schema_arrow, columns, task)
            if None not in (found.names, classes) and found.names != classes:
                message = f"{one}: the names of its classes, or their order, are not those of "
                raise LabelError(hint(message + paths[i - 1].name, "files of one data set"))
            classes = found.names or classes
            bytes_ = one.stat().st_size
            if file.metadata.num_rows > bytes_:  # each has a picture
                message = f"{one}: says that it has {file.metadata.num_rows} rows in {bytes_} bytes"
                raise DataError(hint(message, FORM))
            for group in range(file.num_row_groups):
                if file.metadata.row_group(group).total_byte_size > _MOST_GROUP:
                    message = f"{one}: a group of its rows has more than {_MOST_GROUP} bytes"
                    raise DataError(hint(message, "smaller groups of rows"))
                own = found.read(file.read_row_group(group, list(found.columns)))
                if labels and own.shape[1:] != labels[0].shape[1:]:
                    message = f"{one}: its rows of targets are not as long as those before"
                    raise LabelError(hint(message, "as many numbers for each picture"))
                places = np.arange(len(own))
                where = np.full_like(places, i), np.full_like(places, group), places
                groups.append(np.stack(where, axis=1))
                labels.append(own)
                rows.setdefault(part, []).append(count + places)
                count += len(own)
    if not sum(map(len, rows.get("train", []))):
        raise DataError(hint(f"{path}: has no rows of a training part", FORM))
    index = ParquetIndex(paths, pictures, np.concatenate(groups), np.concatenate(labels))
    return index, {part: np.concatenate(own) for part, own in rows.items()}, classes


@contextmanager
def _opened(path: Path, repeated: Sequence[str] = ()) -> Iterator[Any]:
    """Open a Parquet file; name it in what goes wrong.

    repeated: columns whose equal values share memory when they are read, as they do in the file.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        message = "reading Parquet files needs PyArrow, which is not installed"
        raise DataError(hint(message, "pip install 'xpcnn[parquet]'")) from error
    try:
        with (
            open_regular(path) as source,
            parquet.ParquetFile(source, read_dictionary=repeated) as file,
        ):
            yield file
    except (DataError, LabelError):
        raise
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, LookupError) as error:
        reason = str(error).partition("\n")[0][:200]
        message = f"{path}: is not a Parquet file, or is damaged: {reason}"
        raise DataError(hint(message, FORM)) from error


def _group(path: Path, group: int, column: str) -> Any:
    """Return the bytes of the pictures in a group of rows, as an array of PyArrow's."""
    with _opened(path, [column]) as file:
        pictures = file.read_row_group(group, [column]).column(0).combine_chunks()
        if hasattr(pictures, "chunk"):
            pictures = pictures.chunk(0)
        return pictures.field("bytes") if str(pictures.type).startswith("struct") else pictures


def _bytes(path: Path, names: Sequence[str], schema: Any) -> str:
    """Return the column of the bytes of pictures: one of its own, or a part of one."""
    column = next((name for name in _PICTURES if name in names), None)
    if column is None:
        listing = ", ".join(map(str, names))[:200]
        message = f"{path}: has the columns {listing}, expected image and label"
        raise DataError(hint(message, FORM))
    there = {schema.column(i).path for i in range(len(schema))}
    for name in (f"{column}.bytes", column):
        if name in there:
            return name
    raise DataError(hint(f"{path}: the column {column} has no bytes", FORM))
