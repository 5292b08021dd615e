"""Where the pictures in tar shards lie, in webdataset's layout; nothing is extracted.

A shard is an uncompressed tar file. Files in it whose names are equal up to the first dot of their
last part are one sample: `KEY.jpg` (or another picture) and `KEY.cls`, the class, as a number or a
name; targets may also be in `KEY.json` or `KEY.txt` (`shard_labels`). A file `classes.txt` beside
the shards names the numbers, or the columns of targets, a line each. Shards are parts of the
data set by their names: train-000000.tar, val-000000.tar, test-000000.tar; without such names all
are the training part. Only headers and labels are read here. Shards are not trusted: every size is
checked against the file. (Format: POSIX.1-2001 ustar, with GNU's and pax's long names.)
"""

import os
import re
from array import array
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xpcnn.data.csv_files.csv_columns import Columns
from xpcnn.data.files import current_folder, from_folder, open_regular, shown
from xpcnn.data.folder_tree import Name
from xpcnn.data.labels import MOST_CLASSES
from xpcnn.data.named_parts import files_in, parts_by_name
from xpcnn.data.picture_files import InMemory, has_picture_name
from xpcnn.data.streams import shard_labels
from xpcnn.data.streams.packed_names import PackedNames
from xpcnn.data.streams.shard_labels import FORM, LabelFiles
from xpcnn.errors import DataError, hint
from xpcnn.types import TaskName

ENDING = ".tar"
CLASSES = "classes.txt"

_BLOCK = 512
_MOST_NAME = 1 << 16  # bytes of a long name
_MOST_PICTURE = 1 << 28  # bytes of a picture
_FILE, _GNU_NAME, _PAX = (b"0", b"\0", b"7"), b"L", b"x"


class Entry(NamedTuple):
    """A file in a shard: its name, and where its bytes are."""

    name: str
    start: int
    size: int


class ShardIndex:
    """The pictures in shards; see `stream.Index`.

    paths: of the shards.
    shard, start, size: of each picture, the index of its shard, its first byte there, and its
        length in bytes, (n,).
    names: of the pictures.
    labels: see `stream.Index`.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        shard: np.ndarray,
        start: np.ndarray,
        size: np.ndarray,
        names: Sequence[str],
        labels: np.ndarray,
    ) -> None:
        self.paths, self.shard, self.start, self.size = paths, shard, start, size
        self.labels, self.names = labels, PackedNames(names)
        self.name_hashes = self.names.hashes
        self._given_in = current_folder()

    def file(self, row: int) -> InMemory:
        path = from_folder(self.paths[self.shard[row]], self._given_in)
        size = int(self.size[row])
        name = shown(path.parent / self.names[row])
        with open_regular(path) as file:
            content = _read(file, int(self.start[row]), size)
        if len(content) < size:
            message = f"{name}: {path} has become shorter: {len(content)} of {size} bytes are there"
            raise DataError(hint(message, "start again, with the shard as it is now"))
        return InMemory(name, content)


def index_of(
    path: Path, columns: Columns = None, task: TaskName | None = None
) -> tuple[ShardIndex, dict[Name, np.ndarray], tuple[str, ...] | None]:
    """Return the index of a shard or a folder of shards, the rows of each part, and the classes.

    The classes are None where labels are numbers without names.

    columns, task: which keys of KEY.json are the labels, and what they are; see `loading.load`.

    Raises:
        DataError, LabelError: names the shard, and what is wrong in it.
        ConfigError: `columns` are no names of keys.
    """
    paths = files_in(path, ENDING)
    parts = parts_by_name(path, paths)
    shard, start, size = array("q"), array("q"), array("q")
    names: list[str] = []
    labels = shard_labels.reader(path, columns, task)
    for i, one in enumerate(paths):
        for picture, member, content in _samples(one, labels.kind):
            shard.append(i)
            start.append(picture.start)
            size.append(picture.size)
            names.append(f"{one.name}/{picture.name}")
            labels.add(f"{one}: {shown(member)}", member, content)
    if "train" not in {parts[i] for i in set(shard)}:
        what = "no pictures of the training part" if names else "no pictures"
        raise DataError(hint(f"{path}: holds {what}", FORM))
    known = _listed((path.parent if os.path.isfile(path) else path) / CLASSES)
    targets, classes = labels.all(known)
    where = np.asarray(shard)
    index = ShardIndex(paths, where, np.asarray(start), np.asarray(size), names, targets)
    rows = {
        part: np.flatnonzero(np.isin(where, [i for i, own in enumerate(parts) if own == part]))
        for part in dict.fromkeys(parts)
    }
    return index, rows, classes


def entries(path: Path) -> Iterator[tuple[Entry, BufferedReader]]:
    """Yield the files in a shard, in order, and the shard to read them from.

    Raises:
        DataError: the shard cannot be read, is damaged, or compressed.
    """
    with open_regular(path) as file:
        length = os.fstat(file.fileno()).st_size
        at, name = 0, None
        while at < length:
            header = _read(file, at, _BLOCK)
            if header.count(0) == _BLOCK:
                return
            size = _size(path, header, at)
            start = at + _BLOCK
            if start + size > length:
                message = f"{path}: a file in it, at byte {at}, has {size} bytes, more than follow"
                raise DataError(hint(message, FORM))
            at = start + (size + _BLOCK - 1) // _BLOCK * _BLOCK
            kind = header[156:157]
            if kind in (_GNU_NAME, _PAX):
                name = _long_name(path, _read(file, start, min(size, _MOST_NAME)), kind)
                continue
            if kind in _FILE:
                yield Entry(name or _name(header), start, size), file
            name = None


def _samples(path: Path, kind: LabelFiles) -> Iterator[tuple[Entry, str, bytes]]:
    """Yield of each sample of a shard the picture, and the name and content of its label.

    Raises:
        DataError: the shard is damaged, or a sample lacks one of the two.
    """
    pictures: list[Entry] = []
    labels: list[tuple[str, bytes]] = []
    key = ""
    for entry, file in entries(path):
        folder, slash, last = entry.name.rpartition("/")
        own = folder + slash + last.partition(".")[0]
        if own != key:
            yield from _sample(path, key, pictures, labels, kind)
            pictures, labels, key = [], [], own
        if last.lower().endswith(kind.endings):
            if entry.size > kind.most:
                message = _too_many(path, entry, f"a {kind.word}")
                raise DataError(hint(message, FORM))
            labels.append((entry.name, _read(file, entry.start, entry.size)))
        elif has_picture_name(entry.name):
            if entry.size > _MOST_PICTURE:
                message = _too_many(path, entry, "a picture")
                raise DataError(hint(message, "smaller pictures"))
            pictures.append(entry)
    yield from _sample(path, key, pictures, labels, kind)


def _too_many(path: Path, entry: Entry, what: str) -> str:
    return f"{path}: {shown(entry.name)} has {entry.size} bytes, too many for {what}"


def _sample(
    path: Path,
    key: str,
    pictures: Sequence[Entry],
    labels: Sequence[tuple[str, bytes]],
    kind: LabelFiles,
) -> Iterator[tuple[Entry, str, bytes]]:
    """Yield the sample of a key; nothing where there is neither a picture nor a label.

    Of several pictures, KEY.jpg is taken, not KEY.mask.jpg.
    """
    if not pictures and not labels:
        return
    plain = [one for one in pictures if one.name.rpartition("/")[2].count(".") == 1] or pictures
    by_ending = ([one for one in labels if one[0].lower().endswith(e)] for e in kind.endings)
    found = next(filter(None, by_ending), [])
    if not plain or not any(content.strip() for _, content in found):
        files = " or ".join(f"KEY{ending}" for ending in kind.endings)
        lacks = f"a {kind.word}, {files}" if plain else "a picture"
        raise DataError(hint(f"{path}: the sample {key[:200]!r} lacks {lacks}", FORM))
    if len(plain) > 1 or len(found) > 1:
        several = f"{len(plain)} pictures" if len(plain) > 1 else f"{len(found)} {kind.words}"
        message = f"{path}: the sample {key[:200]!r}, a name up to its first dot, has {several}"
        raise DataError(hint(message, FORM))
    yield plain[0], *found[0]


def _listed(path: Path) -> tuple[str, ...] | None:
    """Return the lines of a file of names of classes; None where there is none."""
    if not os.path.isfile(path):
        return None
    with open_regular(path) as file:
        names = tuple(file.read(MOST_CLASSES * 64).decode("utf-8-sig", "replace").splitlines())
    if len(set(names)) < len(names) or not all(names):
        message = f"{path}: has a name twice, or an empty line"
        raise DataError(hint(message, "a name for each class, a line each"))
    return names


def _read(file: BufferedReader, start: int, size: int) -> bytes:
    """Return bytes of a file; fewer where it ends."""
    file.seek(start)
    return file.read(size)


def _size(path: Path, header: bytes, at: int) -> int:
    """Return the size of a file by its header, whose checksum is tested first."""
    try:
        checksum = int(header[148:156].strip(b" \0") or b"x", 8)
        if len(header) < _BLOCK or checksum != sum(header) - sum(header[148:156]) + 8 * 32:
            raise ValueError
        field = header[124:136]
        if field[0] & 0x80:  # GNU: base 256, for 8 GiB or more
            return int.from_bytes(field[1:], "big")
        if (size := int(field.strip(b" \0") or b"0", 8)) < 0:
            raise ValueError
        return size
    except ValueError as error:
        message = f"{path}: is not a tar file, or is damaged at byte {at}"
        raise DataError(hint(message, FORM)) from error


def _name(header: bytes) -> str:
    name, prefix = (header[a:b].partition(b"\0")[0] for a, b in ((0, 100), (345, 500)))
    whole = prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name
    return whole.decode("utf-8", "surrogateescape").removeprefix("./")


def _long_name(path: Path, content: bytes, kind: bytes) -> str | None:
    """Return the name that an extra header gives to the next file; None where it says another."""
    if kind == _GNU_NAME:
        return content.partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if re.search(rb"(?:^|\n)\d+ (?:size|GNU\.sparse[^=]*)=", content):
        message = f"{path}: holds a file of more than 8 GiB, or a sparse one"
        raise DataError(hint(message, FORM))
    found = re.search(rb"(?:^|\n)\d+ path=([^\n]*)\n", content)
    return None if found is None else found[1].decode("utf-8", "surrogateescape")
