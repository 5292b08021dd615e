"""Files that hold many pictures each: which part of the data set each is, by its name."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from xpcnn.data.folder_tree import PARTS, Name
from xpcnn.errors import DataError, hint


def files_in(path: Path, ending: str) -> list[Path]:
    """Return a file that ends so, or those of a folder without folders, by name; else nothing.

    ending: such as .tar, in lower case; an empty one is that of every file.

    Raises:
        DataError: the folder cannot be read.
    """
    if path.name.lower().endswith(ending) and os.path.isfile(path):
        return [path]
    if not os.path.isdir(path):
        return []
    try:
        with os.scandir(path) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
            if any(entry.is_dir() for entry in shown):
                return []
            names = sorted(entry.name for entry in shown)
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise DataError(hint(message, "check the path and who may read it")) from error
    return [path / name for name in names if name.lower().endswith(ending)]


def parts_by_name(path: Path, paths: Sequence[Path]) -> list[Name]:
    """Return the part that each file belongs to, by a word of its name; all train without such.

    path: a folder with the files; or the one file, which is then the training part, however called.

    Raises:
        DataError: only some names say of which part they are, or none is of the training part.
    """
    stems = [path.stem.casefold().replace("t10k", "test") for path in paths]  # MNIST's test part
    words = [re.split(r"[^a-z]+", stem) for stem in stems]
    found = [next((PARTS[w] for w in own if w in PARTS), None) for own in words]
    if path in paths or not any(found):
        return ["train"] * len(paths)
    advice = "names such as train-0{0}, val-0{0} and test-0{0}".format(paths[0].suffix)
    if None in found:
        which = paths[found.index(None)]
        message = f"{which}: the names of other files say of which part they are, this one not"
        raise DataError(hint(message, advice))
    if "train" not in found:
        message = f"{paths[0].parent}: no file is of the training part"
        raise DataError(hint(message, advice))
    return [part for part in found if part is not None]
