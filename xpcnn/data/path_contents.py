"""What is in the files at a path: which reader reads them, and what it finds.

A folder that `xpcnn pack` wrote, tar shards, Parquet files, IDX files, a folder of pictures by
class, a CSV file or a folder of Kaggle's two, or a .npz file. Does not guess the kind of a file
that its name does not show.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from xpcnn.data import folders, idx, npz
from xpcnn.data.contents import Contents, ReadOptions, check_task_name, note_on, numbers_to, task_of
from xpcnn.data.csv_files import csv_contents, csv_pictures
from xpcnn.data.csv_files.csv_columns import Columns, is_csv
from xpcnn.data.files import is_address, is_there, shown
from xpcnn.data.folder_tree import Name
from xpcnn.data.labels import check_range
from xpcnn.data.named_parts import files_in
from xpcnn.data.other_formats import advice
from xpcnn.data.streams import packed, parquet_index, shard_index
from xpcnn.data.streams.stream import Index, Stream
from xpcnn.data.streams.stream_parts import Wanted, as_streams, in_memory
from xpcnn.errors import ConfigError, DataError, ShapeError, hint
from xpcnn.types import Shape, TaskName

Indexed: TypeAlias = tuple[Index, dict[Name, np.ndarray], tuple[str, ...] | None]
"""An index, its rows for each part, and the names of the classes, if they have some."""

_INDEX_OF: Mapping[str, Callable[[Path, Columns, TaskName | None], Indexed]] = {
    shard_index.ENDING: shard_index.index_of,
    parquet_index.ENDING: parquet_index.index_of,
}
"""By their ending: what reads the index of files that hold many pictures each."""


def has_columns(path: Path) -> bool:
    """Whether the labels at a path are in columns, or at keys, that have names."""
    is_table = is_csv(path) or os.path.isfile(path / "train.csv")
    return is_table or _files_of_many(path) is not None


def contents(path: Path, options: ReadOptions) -> Contents:
    """Return what the files at a path hold.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
        ConfigError: an option of `options` has no use for such files.
    """
    found = _contents(path, options)
    if options.skip_damaged and found.task != "classification":
        return _without_damaged(found)
    return found


def _without_damaged(found: Contents) -> Contents:
    """Return parts whose streams have no damaged pictures: no other has the targets of one."""
    parts = found.parts
    for name, (images, targets) in found.parts.items():
        if isinstance(images, Stream):
            undamaged, kept = images.undamaged()
            parts[name] = undamaged, targets[kept]
    before, after = (sum(len(y) for _, y in each.values()) for each in (found.parts, parts))
    notes = found.notes
    if after < before:
        notes += (f"damaged pictures left out: {before - after}",)
    return Contents.of(parts, found.classes, found.reading, notes, found.task)


def _contents(path: Path, options: ReadOptions) -> Contents:
    """Return what the files at a path hold, damaged pictures of streams included."""
    check_task_name(options.task)
    named = is_csv(path) and os.path.isfile(path) and csv_pictures.names_pictures(path)
    of_idx = bool(idx.images_at(path))
    pictures = os.path.isdir(path) and not os.path.isfile(path / "train.csv") and not of_idx
    fitted = (pictures and not packed.is_packed(path)) or _files_of_many(path) is not None or named
    if options.image_fit is not None and os.path.exists(path) and not fitted:
        message = f"image_fit is given, but {path} is not a folder of pictures"
        raise ConfigError(hint(message, "leave --image-fit (image_fit) out"))
    if options.label_column is not None and not has_columns(path):
        message = f"label_column is given, but {path} has no columns"
        raise ConfigError(hint(message, "leave --label-column (label_column) out"))
    if os.path.isfile(path / "train.csv"):
        return csv_contents.read_folder(path, options)
    if packed.is_packed(path):
        return _read_pack(path, options)
    if (kind_of_files := _files_of_many(path)) is not None:
        return _read_files(path, kind_of_files, options)
    if pictures and options.task not in (None, "classification"):
        message = f"the task is {options.task}, but {path} is a folder of pictures by class"
        table = "a CSV file with the names of the pictures and columns of labels or numbers"
        raise ConfigError(hint(message, table))
    if pictures:
        return folders.read(
            path,
            options.image_size,
            options.reading,
            options.skip_damaged,
            options.image_fit,
            options.stream,
        )
    if not is_there(path):
        fix = "download it, and unpack an archive" if is_address(path) else "check the path"
        raise DataError(hint(f"{shown(path)}: there is no such file or folder", fix))
    if named:
        return csv_contents.read_pictures(path, options)
    if is_csv(path):
        return csv_contents.read_file(path, options)
    if of_idx:
        return _read_idx(path, options)
    if path.suffix.lower() == ".npz":
        return _read_npz(path, options)
    raise DataError(hint(f"{shown(path)}: is not a known kind of data file", advice(path)))


def streams(path: Path, options: ReadOptions) -> Contents:
    """Return what is at a path as streams of pictures, with names of the classes.

    Raises:
        DataError, LabelError: there are no pictures, or it says what is wrong with them.
    """
    found = _contents(path, replace(options, stream=True))
    if not isinstance(found.train[0], Stream):
        message = f"{shown(path)}: holds no pictures, tar shards or Parquet files"
        raise DataError(hint(message, "a folder with a folder of pictures for each class"))
    if found.classes is None:
        labels = np.concatenate([labels for _, labels in found.parts.values()])
        found = found._replace(classes=numbers_to(labels, path))
    return found


def _read_idx(path: Path, options: ReadOptions) -> Contents:
    """Return the parts of IDX files."""
    if options.task not in (None, "classification"):
        message = (
            f"the task is {options.task}, but {path} holds IDX files, which have one label each"
        )
        raise ConfigError(hint(message, f"a .npz file, with labels (n, k), for {options.task}"))
    parts = idx.read_parts(path)
    _require_size(path, parts["train"][0].shape[2:], options)
    return Contents.of(parts, None)


def _read_npz(path: Path, options: ReadOptions) -> Contents:
    """Return the parts of a .npz file."""
    found = npz.read(path, options.stream, options.task)
    images, labels = found.train
    if labels.ndim > 1:
        columns = found.classes or numbers_to(labels, path)
        task = task_of(path, options, columns)
        notes = found.notes + note_on(path, options, task, columns)
        found = found._replace(task=task, notes=notes)
    _require_size(path, images.shape[2:], options)
    return found


def _require_size(path: Path, found: Shape, options: ReadOptions) -> None:
    """Require the size of images that is asked for, where files of arrays have one already."""
    asked, reading = options.image_size, options.reading
    if asked not in (None, found):
        message = f"{path}: holds images of {found}, not of {asked}"
        advice = f"images of {asked}, or leave --image-size (image_size) out"
        if reading is not None and reading.shape[1:] == asked:
            advice = f"images of {asked}, as the model was trained on; a picture file has any size"
        raise ShapeError(hint(message, advice))


def _read_pack(folder: Path, options: ReadOptions) -> Contents:
    """Return the parts that `xpcnn pack` wrote."""
    parts, pack = packed.read(folder, options.reading, options.stream)
    reading, task = pack.reading, pack.task
    if options.task not in (None, task):
        message = f"the task is {options.task}, but the targets packed in {folder} are {task}"
        raise ConfigError(hint(message, f"--task {task}, or leave it out"))
    _require_size(folder, reading.size, options)
    left_out = sum(pack.images.values()) - sum(len(labels) for _, labels in parts.values())
    notes = (f"damaged pictures left out: {left_out}",) if left_out else ()
    return Contents.of(parts, pack.classes, reading, notes, task)


def _files_of_many(path: Path) -> str | None:
    """Return how files at a path end that hold many pictures each; None where there are none."""
    return next((ending for ending in _INDEX_OF if files_in(path, ending)), None)


def _read_files(path: Path, ending: str, options: ReadOptions) -> Contents:
    """Return the parts of such files: streams, or arrays where they are small."""
    index, rows, classes = _INDEX_OF[ending](path, options.label_column, options.task)
    wanted = Wanted(
        options.image_size, options.image_fit, options.reading, options.skip_damaged, options.stream
    )
    parts, reading, notes = as_streams(index, rows, wanted) or in_memory(index, rows, wanted)
    task: TaskName = "classification"
    if index.labels.ndim > 1:
        names = classes or numbers_to(index.labels, path)
        task = task_of(path, options, names)
        notes += note_on(path, options, task, names)
    elif classes is not None:
        check_range(index.labels, len(classes), str(path))
    return Contents.of(parts, classes, reading, notes, task)
