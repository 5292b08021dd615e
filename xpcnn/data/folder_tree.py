"""Which folder of pictures is a part of a data set, and which a class.

`root/train`, `root/val` (or `valid`, `validation`) and `root/test` are parts where they hold a
folder for each class; a folder of such a name that holds the pictures themselves is a class like
any other. Folders inside a class belong to it. Skipped: hidden files, what operating systems
leave behind, and files whose ending is not that of a picture, which are counted. Rejects folders
that can be read in two ways.
"""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Literal, TypeAlias

from xpcnn.data.files import shown
from xpcnn.data.picture_files import has_picture_name
from xpcnn.errors import DataError, counted, hint

Name: TypeAlias = Literal["train", "validation", "test"]
Files: TypeAlias = dict[str, "Folder"]
"""Names of classes, and the folder of each, in which there are pictures."""

PARTS: Mapping[str, Name] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
NAMES: tuple[Name, ...] = ("train", "validation", "test")
FORM = "a folder for each class with its pictures: cat/1.png, dog/1.png"
NAMED = 10
"""Files or folders that an error names, of many that are wrong."""

_DEEPEST = 64  # folders inside each other
_LEFT_BEHIND = frozenset(["__macosx", "$recycle.bin", "system volume information", "@eadir"])


@dataclass(frozen=True)
class Folder:
    """A folder: names of the pictures in it, the folders in it, and how many other files, by
    ending.
    """

    path: Path
    pictures: tuple[str, ...]
    folders: tuple["Folder", ...]
    others: Counter[str]

    @property
    def name(self) -> str:
        return self.path.name

    def all_pictures(self) -> Iterator[Path]:
        """Yield the pictures in it and in all folders below, by name."""
        for name in self.pictures:
            yield self.path / name
        for folder in self.folders:
            yield from folder.all_pictures()

    def all_names(self) -> Iterator[str]:
        """Yield the names of the pictures in it and below, from here: 1.png, kittens/2.png."""
        yield from self.pictures
        for folder in self.folders:
            for name in folder.all_names():
                yield f"{folder.name}/{name}"

    def all_others(self) -> Counter[str]:
        """Return how many files in it and below are no pictures, by their ending."""
        return sum((folder.all_others() for folder in self.folders), self.others)

    @property
    def holds_pictures(self) -> bool:
        return bool(self.pictures) or any(folder.holds_pictures for folder in self.folders)

    @property
    def count(self) -> int:
        """The number of pictures in it and below."""
        return len(self.pictures) + sum(folder.count for folder in self.folders)

    @property
    def holds_classes(self) -> bool:
        """Whether it looks like a part: pictures lie in folders of it alone."""
        return not self.pictures and self.holds_pictures


def scan(path: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Folder:
    """Return a folder with all that is in it; a link to a folder above is not followed.

    Raises:
        DataError: a folder cannot be read.
    """
    pictures, folders, others = [], [], Counter[str]()
    if len(above) > _DEEPEST:
        message = f"{shown(path)}: lies more than {_DEEPEST} folders deep in the data set"
        raise DataError(hint(message, "a folder for each class, with its pictures"))
    try:
        facts = os.stat(path)
        above |= {(facts.st_dev, facts.st_ino)}
        with os.scandir(path) as entries:
            found = sorted(entries, key=attrgetter("name"))
        for entry in found:
            if entry.name.startswith(".") or entry.name.casefold() in _LEFT_BEHIND:
                continue
            if entry.is_dir():
                inside = entry.stat()
                if (inside.st_dev, inside.st_ino) not in above:
                    folders.append(path / entry.name)
            elif has_picture_name(entry.name):
                pictures.append(entry.name)
            else:
                others[Path(entry.name).suffix.lower() or "no ending"] += 1
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"{shown(path)}: cannot be read: {reason}"
        raise DataError(hint(message, "check the path and who may read it")) from error
    below = tuple(scan(folder, above) for folder in folders)
    return Folder(path, tuple(pictures), below, others)


def parts(root: Folder) -> dict[Name, Folder]:
    """Return the folders of the parts; all is the training part where there are none.

    Raises:
        DataError: folders may be parts or classes, or there is no training part.
    """
    named = [folder for folder in root.folders if folder.name.casefold() in PARTS]
    rest = [folder for folder in root.folders if folder not in named and folder.holds_pictures]
    if not named:
        _require_no_other_names(root, rest)
        _require_no_parts_inside(root, rest)
        return {"train": root}
    found: dict[Name, Folder] = {}
    for folder in named:
        if folder.holds_pictures is False:
            raise DataError(
                hint(f"{folder.path}: holds no pictures", "put pictures there, or remove it")
            )
        part = PARTS[folder.name.casefold()]
        if part in found:
            message = f"{root.path}: {found[part].name} and {folder.name} are both the {part} part"
            raise DataError(hint(message, "one folder for each part"))
        found[part] = folder
    classes = {part: {f.name for f in folder.folders} for part, folder in found.items()}
    if rest and not any(folder.holds_classes for folder in named):
        return {"train": root}
    if all(folder.holds_classes for folder in named):
        inside = set.union(*classes.values())
        if "train" in found and (not rest or (len(found) > 1 and inside == classes["train"])):
            return found
        if "train" not in found and not rest:
            message = f"{root.path}: has a folder {named[0].name}, but no folder train"
            raise DataError(hint(message, "train/cat/1.png, test/cat/1.png"))
        if "train" not in found and not inside & {folder.name for folder in rest}:
            return {"train": root}
    advice = "train/cat/1.png for parts, or another name for a class"
    raise DataError(hint(_two_readings(root, named, rest), advice))


def _two_readings(root: Folder, named: Sequence[Folder], rest: Sequence[Folder]) -> str:
    """Return a message about folders that may be parts or classes."""
    ours = " and ".join(folder.name for folder in named)
    flat = [folder.name for folder in named if not folder.holds_classes]
    one = len(named) == 1
    kinds = "a part of the data set or a class" if one else "parts of the data set or classes"
    message = f"{root.path}: {ours} may be {kinds}"
    if flat:
        holds = "holds" if len(flat) == 1 else "hold"
        message += f"; {' and '.join(flat)} {holds} pictures that lie in no folder of a class"
    if rest:
        message += f"; beside {'it' if one else 'them'} {'is' if len(rest) == 1 else 'are'} "
        message += ", ".join(folder.name for folder in rest[:5])
    return message


def _require_no_other_names(root: Folder, folders: Sequence[Folder]) -> None:
    """Reject parts that go by names such as seg_train and seg_test."""
    meant: dict[Name, str] = {}
    for folder in folders:
        words = re.split(r"[^a-z]+", folder.name.casefold())
        if folder.holds_classes and (part := next((PARTS[w] for w in words if w in PARTS), None)):
            meant[part] = folder.name
    if "train" in meant and len(meant) > 1:
        message = (
            f"{root.path}: {' and '.join(meant.values())} may be parts of the data set or classes"
        )
        raise DataError(hint(message, "train, val and test as names of parts, or one folder alone"))


def _require_no_parts_inside(root: Folder, classes: Sequence[Folder]) -> None:
    """Reject classes that hold parts: cat/train, cat/test, dog/train, dog/test."""
    names = [{PARTS.get(f.name.casefold()) for f in folder.folders} for folder in classes]
    if len(classes) > 1 and all("train" in inside and len(inside - {None}) > 1 for inside in names):
        message = f"{root.path}: each class holds a folder train and other parts"
        raise DataError(hint(message, "train/cat/1.png, test/cat/1.png: parts above classes"))


def listed(endings: Counter[str]) -> str:
    """Return the most frequent endings as text."""
    return ", ".join(sorted(endings, key=lambda ending: (-endings[ending], ending))[:5])


def by_class(folder: Folder) -> Files:
    """Return the folder of each class, in order; pictures in folders of it are of the class too.

    An empty folder is no class. Folders that hold other files alone are rejected: their pictures
    may be in a format that is not read.

    Raises:
        DataError: there are no classes, or there are such folders, all of which are named.
    """
    found: Files = {}
    without: list[str] = []
    for inner in folder.folders:
        others = inner.all_others()
        if inner.holds_pictures:
            found[inner.name] = inner
        elif others:
            without.append(f"{inner.path}: {others.total()} ({listed(others)})")
        if any("\ud800" <= letter <= "\udfff" for letter in inner.name):
            message = f"{shown(inner.path)}: the name of a class is not text in UTF-8"
            is_utf8 = sys.getfilesystemencoding() == "utf-8"
            raise DataError(hint(message, "rename the folder" if is_utf8 else "PYTHONUTF8=1"))
    if not found and all((folder.path / name).is_file() for name in ("config.toml", "model.toml")):
        message = f"{folder.path}: a run folder, expected a folder of pictures"
        raise DataError(hint(message, f"the data set that {folder.path / 'config.toml'} names"))
    if without:
        listing = "\n  ".join(without[:NAMED])
        more = f"\n  and {len(without) - NAMED} more" if len(without) > NAMED else ""
        message = (
            f"{folder.path}: folders without pictures that hold other files:\n  {listing}{more}"
        )
        advice = "pictures in a format that is read, such as PNG or JPEG; or remove the folders"
        raise DataError(hint(message, advice))
    if not found:
        what = "no pictures in its folders" if folder.folders else "no folders, one for each class"
        if folder.others:
            what += f"; its {counted(folder.others.total(), 'file')}: {listed(folder.others)}"
            advice = f"{FORM}; or give the path of a file that holds all images"
            raise DataError(hint(f"{folder.path}: holds {what}", advice))
        raise DataError(hint(f"{folder.path}: holds {what}", FORM))
    return found
