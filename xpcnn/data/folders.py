"""A folder of pictures by class: `root/CLASS/*`, or parts of such folders, `root/train/CLASS/*`.

Names of classes are those of the folders, in order (by number, where all are numbers). The pictures
of the classes come in turn, so that the first ones are of all classes. `folder_tree` tells parts
from classes, and `picture_sets` reads the pictures of all parts alike. Warns of empty folders,
which are no classes. Rejects a single class, and damaged pictures, all of which are named, unless
they are to be left out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from xpcnn.data.contents import Contents
from xpcnn.data.folder_tree import (
    FORM,
    NAMED,
    Files,
    Folder,
    Name,
    by_class,
    listed,
    parts,
    scan,
)
from xpcnn.data.picture_sets import left_out, read_alike, read_set, unreadable
from xpcnn.data.reading import Fit, Reading
from xpcnn.data.streams.folder_index import index_of
from xpcnn.data.streams.stream_parts import Wanted, as_streams, may_stay
from xpcnn.errors import DataError, DataWarning, LabelError, hint, nearest, warn_user

Size = tuple[int, int]  # (h, w)


def read(
    root: Path,
    image_size: Size | None = None,
    reading: Reading | None = None,
    skip_damaged: bool = False,
    image_fit: Fit | None = None,
    stream: bool | None = None,
) -> Contents:
    """Return the parts that a folder holds; all is the training part where it holds none.

    images: (n, c, h, w); labels: int64 (n,). image_size: (h, w) of the images; see
    `picture_sets.read_set`. reading: how a model's samples were read, to read all pictures that
    way; they may then be of one class only. skip_damaged: leave out pictures that cannot be read,
    in place of an error that names them. image_fit: "pad" (default) or "crop". stream: leave the
    pictures on disk (`stream.Stream`); by default where they would take more than 2 GiB.

    Raises:
        DataError: names the folder or the files and what is wrong with them.
        LabelError: another part has a class that the training part lacks.
    """
    tree = scan(root)
    folders = parts(tree)
    files = {part: by_class(folder) for part, folder in folders.items()}
    classes = _classes(root, folders, files, least=2 if reading is None else 1)
    if reading is None and (empty := _empty(folders["train"])):
        message = f"{folders['train'].path}: empty folders are not used as classes: {empty}"
        warn_user(hint(message, "put pictures there, or remove the folders"), DataWarning)
    notes = _unused(tree, folders) + _skipped(folders.values())
    wanted = Wanted(image_size, image_fit, reading, skip_damaged, stream)
    if may_stay(sum(f.count for part in files.values() for f in part.values()), wanted):
        streamed = as_streams(*index_of(root, files, classes), wanted)
        if streamed is not None:
            pairs, reading, more = streamed
            return Contents.of(pairs, classes, reading, [*notes, *more])
    order: tuple[Name, ...] = ("train", "validation", "test")
    labelled = {part: _in_turn(files[part], classes) for part in order if part in files}
    paths = [path for pairs in labelled.values() for path, _ in pairs]
    found = (
        read_alike(paths, reading)
        if reading is not None
        else read_set(paths, image_size, image_fit or "pad")
    )
    if found.damaged:
        if not skip_damaged:
            advice = "fix or remove them, or --skip-damaged (skip_damaged=True) to leave them out"
            raise unreadable(paths, found.damaged, advice)
        notes.append(left_out(found.damaged, len(paths)))
    labels = np.array([y for pairs in labelled.values() for _, y in pairs], np.int64)
    kept = np.array(found.kept)
    ends = np.cumsum([len(pairs) for pairs in labelled.values()])
    cuts = np.searchsorted(kept, ends)[:-1]
    images = np.split(found.images, cuts)
    targets = np.split(labels[kept], cuts)
    pairs = dict(zip(labelled, zip(images, targets, strict=True), strict=True))
    for part, (_, y) in pairs.items():
        if not len(y) or (part == "train" and len(set(y.tolist())) < len(classes)):
            message = f"{folders[part].path}: all pictures of a class are damaged"
            raise DataError(hint(message, "fix them, or remove the folder of the class"))
    return Contents.of(pairs, classes, found.reading, [*notes, *found.notes])


def _classes(
    root: Path, folders: Mapping[Name, Folder], files: Mapping[Name, Files], least: int
) -> tuple[str, ...]:
    """Return the names of the classes in order, those of the training part."""
    train = files["train"]
    if len(train) < least:
        (only,) = train
        message = f"{root}: holds pictures of one class only, {only!r}, expected two or more"
        if empty := _empty(folders["train"]):
            message += f"; empty folders: {empty}"
        inside = [f for f in folders["train"].folders[0].folders if f.holds_pictures]
        nested = len(inside) > 1 and not folders["train"].folders[0].pictures
        raise DataError(hint(message, str(folders["train"].folders[0].path) if nested else FORM))
    for part, names in files.items():
        for name in names:
            if name not in train:
                where = folders[part].path / name
                message = f"{where}: there is no such class in {folders['train'].path}"
                raise LabelError(hint(message, nearest(name, train)))
    numbered = all(name.isascii() and name.isdigit() for name in train)
    return tuple(sorted(train, key=int if numbered else None))


def _empty(folder: Folder) -> str:
    """Return a list of the folders in a folder that hold no files at all."""
    names = [f.name for f in folder.folders if not f.holds_pictures and not f.all_others()]
    return ", ".join([*names[:NAMED], *(["..."] if len(names) > NAMED else [])])


def _unused(tree: Folder, folders: Mapping[Name, Folder]) -> list[str]:
    """Return notes about folders beside the parts and pictures beside the classes."""
    notes = []
    used = list(folders.values())
    beside = [f.name for f in tree.folders if f not in used and f.holds_pictures]
    if tree not in used and beside:
        names = " and ".join(folder.name for folder in used)
        notes.append(f"not used, beside {names} of {tree.path}: {', '.join(beside)}")
    loose = sum(len(folder.pictures) for folder in {id(f): f for f in (tree, *used)}.values())
    if loose:
        notes.append(f"pictures of {tree.path} that are in no class, so not used: {loose}")
    return notes


def _skipped(folders: Iterable[Folder]) -> list[str]:
    others = sum((folder.all_others() for folder in folders), Counter[str]())
    if not others:
        return []
    count, endings = others.total(), listed(others)
    return [f"files skipped, as their ending is not that of a picture: {count} ({endings})"]


def _in_turn(files: Files, classes: Iterable[str]) -> list[tuple[Path, int]]:
    """Return pictures with their labels: the first of each class, then the second of each."""
    columns = [
        [(path, i) for path in files[name].all_pictures()] if name in files else []
        for i, name in enumerate(classes)
    ]
    return [pair for pair in chain.from_iterable(zip_longest(*columns)) if pair is not None]
