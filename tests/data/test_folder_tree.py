"""Which folders are parts and which are classes, and what is said where they may be both."""

import os
from pathlib import Path

import pytest

from xpcnn.data.folder_tree import by_class, parts, scan
from xpcnn.errors import DataError

ADVICE = "Try: train/cat/1.png for parts, or another name for a class"


def tree(root: Path, *paths: str) -> Path:
    """Write empty files at the paths; one that ends in a slash is a folder."""
    for path in paths:
        place = root / path
        (place if path.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            place.write_bytes(b"")
    return root


def found(root: Path) -> dict[str, dict[str, list[str]]]:
    """Return the names of files by part and class."""
    return {
        part: {
            name: [str(path.relative_to(folder.path / name)) for path in inner.all_pictures()]
            for name, inner in by_class(folder).items()
        }
        for part, folder in parts(scan(root)).items()
    }


def both(part: str) -> tuple[str, ...]:
    return f"{part}/cat/1.png", f"{part}/dog/1.png"


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
@pytest.mark.parametrize("train", ["train", "Train", "training"])
def test_parts_are_what_they_are_called(tmp_path: Path, train: str, name: str) -> None:
    root = tree(tmp_path, *both(train), *both(name), "test/cat/9.png", "readme.txt")
    classes = {"cat": ["1.png"], "dog": ["1.png"]}
    assert found(root) == {"train": classes, "validation": classes, "test": {"cat": ["9.png"]}}


def test_without_parts_all_is_the_training_part(tmp_path: Path) -> None:
    root = tree(tmp_path, "cat/1.png", "dog/1.PNG", "dog/2.jpeg")
    assert found(root) == {"train": {"cat": ["1.png"], "dog": ["1.PNG", "2.jpeg"]}}


@pytest.mark.parametrize(
    "classes", [("bus", "car", "train"), ("control", "test"), ("train", "ship", "val", "test")]
)
def test_classes_may_be_called_as_parts_are(tmp_path: Path, classes: tuple[str, ...]) -> None:
    root = tree(tmp_path, *(f"{name}/1.png" for name in classes))
    assert found(root) == {"train": {name: ["1.png"] for name in sorted(classes)}}
    inner = tree(tmp_path / "inner", *(f"train/{name}/1.png" for name in classes))
    assert found(inner) == {"train": {name: ["1.png"] for name in sorted(classes)}}


def test_folders_inside_a_class_belong_to_it(tmp_path: Path) -> None:
    root = tree(tmp_path, "cat/own/2.png", "cat/0.png", "cat/own/deep/1.png", "dog/own/3.png")
    assert found(root) == {
        "train": {
            "cat": ["0.png", os.path.join("own", "2.png"), os.path.join("own", "deep", "1.png")],
            "dog": [os.path.join("own", "3.png")],
        }
    }


def test_what_systems_leave_behind_does_not_count(tmp_path: Path) -> None:
    root = tree(tmp_path, *both("train"), "__MACOSX/train/cat/._1.png", ".git/1.png", "notes/")
    assert list(found(root)) == ["train"]
    assert scan(root).all_others().total() == 0


def test_a_folder_beside_parts_that_share_their_classes_is_no_part(tmp_path: Path) -> None:
    root = tree(tmp_path, *both("train"), *both("test"), "more/1.png")
    assert list(found(root)) == ["train", "test"] or list(found(root)) == ["test", "train"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_but_never_round_in_a_circle(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", "cat/1.png", "dog/1.png")
    tree(tmp_path / "other", "1.png")
    (root / "eel").symlink_to(tmp_path / "other")
    (root / "dog" / "again").symlink_to(root)
    assert found(root) == {"train": {"cat": ["1.png"], "dog": ["1.png"], "eel": ["1.png"]}}


def test_folders_very_deep_in_each_other(tmp_path: Path) -> None:
    deep = "/".join("d" * 70)
    with pytest.raises(DataError) as caught:
        scan(tree(tmp_path, f"{deep}/1.png"))
    assert str(caught.value) == (
        f"{tmp_path}/{'/'.join('d' * 65)}: lies more than 64 folders deep in the data set\n"
        "Try: a folder for each class, with its pictures"
    )


TWO_READINGS = {
    "classes and parts": (
        ("bus/1.png", "car/1.png", *both("train")),
        f"train may be a part of the data set or a class; beside it are bus, car\n{ADVICE}",
    ),
    "parts without classes": (
        ("train/1.png", "test/1.png"),
        "test and train may be parts of the data set or classes; test and train hold pictures "
        f"that lie in no folder of a class\n{ADVICE}",
    ),
    "a test part without classes": (
        (*both("train"), "test/1.png"),
        "test and train may be parts of the data set or classes; test holds pictures that lie in "
        f"no folder of a class\n{ADVICE}",
    ),
    "a training part that holds pictures and folders": (
        (*both("train"), "train/1.png"),
        "train may be a part of the data set or a class; train holds pictures that lie in no "
        f"folder of a class\n{ADVICE}",
    ),
    "classes with a test part": (
        ("cat/1.png", "dog/1.png", *both("test")),
        f"test may be a part of the data set or a class; beside it are cat, dog\n{ADVICE}",
    ),
    "parts inside of classes": (
        ("cat/train/1.png", "cat/test/2.png", "dog/train/1.png", "dog/val/2.png"),
        "each class holds a folder train and other parts\n"
        "Try: train/cat/1.png, test/cat/1.png: parts above classes",
    ),
    "parts under other names": (
        (*both("seg_train"), *both("seg_test")),
        "seg_test and seg_train may be parts of the data set or classes\n"
        "Try: train, val and test as names of parts, or one folder alone",
    ),
}


@pytest.mark.parametrize("kind", TWO_READINGS)
def test_folders_that_may_be_parts_or_classes_are_refused(tmp_path: Path, kind: str) -> None:
    paths, text = TWO_READINGS[kind]
    root = tree(tmp_path, *paths)
    with pytest.raises(DataError) as caught:
        parts(scan(root))
    assert str(caught.value) == f"{root}: {text}"


def test_names_of_classes_that_are_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.fsdecode(b"\xff")
    try:
        root = tree(tmp_path, f"{name}/1.png", "dog/1.png")
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")
    with pytest.raises(DataError) as caught:
        by_class(scan(root))
    assert str(caught.value) == (
        f"{root}{os.sep}\\udcff: the name of a class is not text in UTF-8\nTry: rename the folder"
    )
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")  # as of the locale C
    with pytest.raises(DataError, match=r"not text in UTF-8\nTry: PYTHONUTF8=1$"):
        by_class(scan(root))
