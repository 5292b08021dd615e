"""Where the pictures of a folder lie: their names, packed; no picture is opened."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from xpcnn.data.files import current_folder, from_folder
from xpcnn.data.folder_tree import Files, Folder, Name
from xpcnn.data.streams.packed_names import PackedNames


class FolderIndex:
    """The pictures below a folder, in the order given; see `stream.Index`.

    root: the folder.
    names: of the files, from there, with "/" between folders.
    labels: see `stream.Index`.
    """

    def __init__(self, root: Path, names: Iterable[str], labels: np.ndarray) -> None:
        self.root, self.labels = root, labels
        self.names = PackedNames(names)
        self.name_hashes = self.names.hashes
        self._given_in = current_folder()

    def file(self, row: int) -> Path:
        return from_folder(self.root / self.names[row], self._given_in)


def index_of(
    root: Path, files: Mapping[Name, Files], classes: Sequence[str]
) -> tuple[FolderIndex, dict[Name, np.ndarray]]:
    """Return the index of a folder, and for each part the rows of its pictures, classes in turn.

    files: the folders of the classes, by part; classes: their names, in the order of the labels.
    """
    labels: list[np.ndarray] = []
    rows: dict[Name, np.ndarray] = {}
    first = 0
    for part, folders in files.items():
        counts = [folders[name].count if name in folders else 0 for name in classes]
        labels.append(np.repeat(np.arange(len(classes)), counts))
        rows[part] = first + in_turn(labels[-1])
        first += len(labels[-1])
    folders_in_order = (
        folders[name] for folders in files.values() for name in classes if name in folders
    )
    return FolderIndex(root, _names(root, folders_in_order), np.concatenate(labels)), rows


def _names(root: Path, folders: Iterable[Folder]) -> Iterator[str]:
    """Yield the names of all pictures in folders, from `root`."""
    for folder in folders:
        start = folder.path.relative_to(root).as_posix()
        for name in folder.all_names():
            yield f"{start}/{name}"


def in_turn(labels: np.ndarray) -> np.ndarray:
    """Return the order in which the first picture of each class comes, then the second of each.

    labels: of pictures, those of a class together and the classes in order, int64 (n,).
    """
    rank = np.arange(len(labels)) - np.searchsorted(labels, labels)
    return np.lexsort((labels, rank))
