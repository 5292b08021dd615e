"""Folders of pictures by class: what becomes of them, and what is refused."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpcnn.data import folders, load
from xpcnn.errors import DataError, DataWarning, LabelError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

FORM = "Try: a folder for each class with its pictures: cat/1.png, dog/1.png"


def picture(path: Path, pixels: Any) -> Path:
    """Write a picture of pixels (h, w), (h, w, 3) or (h, w, 4)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def grey(value: int, h: int = 3, w: int = 2) -> np.ndarray:
    return np.full((h, w), value, np.uint8)


def test_classes_are_folders_and_their_pictures_come_in_turn(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / "dog" / f"{i}.png", grey(100 + i))
    picture(tmp_path / "cat" / "only.png", [[1, 2], [3, 4], [5, 6]])
    (images, labels), _, test, classes, *_ = folders.read(tmp_path)
    assert (test, classes) == (None, ("cat", "dog"))
    assert images.shape == (4, 1, 3, 2)
    assert (images.dtype.name, labels.dtype.name) == ("uint8", "int64")
    assert labels.tolist() == [0, 1, 1, 1]
    assert images[0].tolist() == [[[1, 2], [3, 4], [5, 6]]]
    assert images[1:, 0, 0, 0].tolist() == [100, 101, 102]


def test_a_first_few_are_of_all_classes(tmp_path: Path) -> None:
    for name in "abc":
        for i in range(12):
            picture(tmp_path / name / f"{i:02}.png", grey(10 * i + ord(name)))
    train, _ = load(tmp_path, limit=9)
    assert sorted(set(train.labels.tolist())) == [0, 1, 2]


def test_classes_that_are_numbers_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    for name in ("10", "9", "2"):
        picture(tmp_path / name / "0.png", grey(int(name)))
    (images, labels), _, _, classes, *_ = folders.read(tmp_path)
    assert classes == ("2", "9", "10")
    assert images[:, 0, 0, 0].tolist() == [2, 9, 10]
    assert labels.tolist() == [0, 1, 2]


def test_training_and_test_folders(tmp_path: Path) -> None:
    for part, values in (("train", (1, 2)), ("test", (3, 4))):
        picture(tmp_path / part / "cat" / "0.png", grey(values[0]))
        picture(tmp_path / part / "dog" / "0.png", grey(values[1]))
    (tmp_path / "test" / "dog" / "0.png").unlink()
    (tmp_path / "test" / "dog").rmdir()  # a class without a test picture
    (tmp_path / "train" / "notes.txt").write_text("beside the classes")
    (tmp_path / "train" / "cat" / ".hidden").write_text("of the system")
    train, test = load(tmp_path)
    assert (train.name, test.name) == (tmp_path.name, tmp_path.name)
    assert train.classes == test.classes == ("cat", "dog")
    assert train.images[:, 0, 0, 0].tolist() == [1, 2]
    assert (test.images[:, 0, 0, 0].tolist(), test.labels.tolist()) == ([3], [0])


def test_one_coloured_picture_makes_the_whole_set_coloured(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "a" / "0.png", grey(7))
    picture(tmp_path / "train" / "b" / "0.png", np.stack([grey(8)] * 3, axis=2))  # grey, as RGB
    opaque = np.full((3, 2), 255)
    with_alpha = np.stack([grey(9), grey(9), grey(9), opaque], axis=2)
    picture(tmp_path / "test" / "a" / "0.png", with_alpha)
    train, test = load(tmp_path)
    assert train.shape == (1, 3, 2)
    assert train.images[:, 0, 0, 0].tolist() == [7, 8]
    assert test.images[0, 0, 0, 0] == 9
    picture(tmp_path / "test" / "b" / "0.png", np.stack([grey(9), grey(9), grey(10)], axis=2))
    train, test = load(tmp_path)
    assert train.images[0, :, 0, 0].tolist() == [7, 7, 7]
    assert test.images[1, :, 0, 0].tolist() == [9, 9, 10]


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        if path.endswith("/"):
            (root / path).mkdir(parents=True)
        elif path.endswith(".png"):
            picture(root / path, grey(len(path)))
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("words")
    return root


BAD: list[tuple[tuple[str, ...], type[DataError], str]] = [
    (
        ("a/0.png",),
        DataError,
        f"{{r}}: holds pictures of one class only, 'a', expected two or more\n{FORM}",
    ),
    (
        ("pets/a/0.png", "pets/b/0.png"),
        DataError,
        "{r}: holds pictures of one class only, 'pets', expected two or more\nTry: {r}/pets",
    ),
    (
        ("train/a/0.png", "test/a/0.png"),
        DataError,
        f"{{r}}: holds pictures of one class only, 'a', expected two or more\n{FORM}",
    ),
    (("0.png", "1.png"), DataError, f"{{r}}: holds no folders, one for each class\n{FORM}"),
    (
        ("x.npy", "y.npy", "notes.txt"),
        DataError,
        "{r}: holds no folders, one for each class; its 3 files: .npy, .txt\n"
        f"{FORM}; or give the path of a file that holds all images",
    ),
    (
        ("a/0.png", "b/"),
        DataError,
        "{r}: holds pictures of one class only, 'a', expected two or more; empty folders: b\n"
        + FORM,
    ),
    (
        ("test/a/0.png", "test/b/0.png"),
        DataError,
        "{r}: has a folder test, but no folder train\nTry: train/cat/1.png, test/cat/1.png",
    ),
    (
        ("train/a/0.png", "train/b/0.png", "test/"),
        DataError,
        "{r}/test: holds no pictures\nTry: put pictures there, or remove it",
    ),
    (
        ("train/a/0.png", "train/b/0.png", "val/a/0.png", "valid/b/0.png"),
        DataError,
        "{r}: val and valid are both the validation part\nTry: one folder for each part",
    ),
    (
        ("train/cat/0.png", "train/dog/0.png", "test/cta/0.png"),
        LabelError,
        "{r}/test/cta: there is no such class in {r}/train\nTry: 'cat' (valid: cat, dog)",
    ),
]


@pytest.mark.parametrize(
    ("paths", "error", "text"), BAD, ids=[" ".join(paths) for paths, *_ in BAD]
)
def test_wrong_folders_are_named(
    tmp_path: Path, paths: tuple[str, ...], error: type[DataError], text: str
) -> None:
    root = tree(tmp_path / "root", *paths)
    with pytest.raises(error) as caught:
        load(root)
    assert type(caught.value) is error
    assert str(caught.value) == text.format(r=root)


def test_what_is_no_picture_by_its_ending_is_skipped_and_counted(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/0.png", "b/0.png", "b/more/.hidden/1.png", "__MACOSX/a/0.png")
    for name in ("a/Thumbs.db", "b/desktop.ini", "b/more/list.txt", "b/README", "notes.txt"):
        (root / name).write_text("words")
    found = folders.read(root)
    assert len(found.train[0]) == 2
    assert found.notes == (
        "files skipped, as their ending is not that of a picture: 5 (.txt, .db, .ini, no ending)",
    )
    (root / "a" / "0.png").unlink()
    with pytest.raises(DataError) as caught:
        folders.read(root)
    assert str(caught.value) == (
        f"{root}: folders without pictures that hold other files:\n  {root / 'a'}: 1 (.db)\n"
        "Try: pictures in a format that is read, such as PNG or JPEG; or remove the folders"
    )


def test_all_folders_with_other_files_alone_are_named(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/0.png", "b/0.png")
    for i in range(12):
        (root / f"c{i:02}").mkdir()
        (root / f"c{i:02}" / "0.nef").write_text("words")
    with pytest.raises(DataError) as caught:
        folders.read(root)
    lines = str(caught.value).splitlines()
    assert lines[1:11] == [f"  {root / f'c{i:02}'}: 1 (.nef)" for i in range(10)]
    assert lines[11] == "  and 2 more"


def test_empty_folders_are_no_classes_and_that_is_a_warning(tmp_path: Path) -> None:
    parts = [f"{part}/{name}/0.png" for part in ("train", "test") for name in "ab"]
    root = tree(tmp_path, *parts, "train/d/", "train/c/deep/", "test/e/")
    with pytest.warns(DataWarning) as caught:
        found = folders.read(root)
    assert found.classes == ("a", "b")
    assert [str(warning.message) for warning in caught] == [
        f"{root / 'train'}: empty folders are not used as classes: c, d\n"
        "Try: put pictures there, or remove the folders"
    ]
    assert folders.read(root, reading=found.reading).classes == ("a", "b")  # for a model: none
    picture(root / "test" / "c" / "0.png", grey(1))
    with pytest.raises(LabelError, match="there is no such class in "):
        folders.read(root)


def test_pictures_that_are_all_damaged_are_counted_and_named(tmp_path: Path) -> None:
    for name in ("a/0.jpg", "a/1.jpg", "b/0.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for skip in (False, True):
        with pytest.raises(DataError) as caught:
            folders.read(tmp_path, skip_damaged=skip)
        lines = str(caught.value).splitlines()
        assert lines[0] == f"{tmp_path}: 3 of 3 pictures cannot be read:"
        assert [line.split(":")[0] for line in lines[1:4]] == [
            f"  {tmp_path / name}" for name in ("a/0.jpg", "b/0.jpg", "a/1.jpg")
        ]
        assert lines[4] == "Try: pictures that can be opened, such as PNG or JPEG files"


def test_what_lies_beside_parts_and_classes_is_said(tmp_path: Path) -> None:
    parts = (f"{part}/{name}/0.png" for part in ("train", "test") for name in "ab")
    root = tree(tmp_path, *parts, "more/0.png", "0.png", "train/1.png")
    with pytest.raises(DataError, match="test and train may be parts"):
        folders.read(root)
    (root / "train" / "1.png").unlink()
    assert folders.read(root).notes == (
        f"not used, beside test and train of {root}: more",
        f"pictures of {root} that are in no class, so not used: 1",
    )


def damaged_tree(root: Path, count: int) -> list[Path]:
    """Write two whole pictures of each of two classes, and further ones that are cut off."""
    tree(root, "a/0.png", "b/0.png", "a/1.png", "b/1.png")
    content = picture(
        root / "a" / "cut.png", np.arange(10_000).reshape(100, 100) % 251
    ).read_bytes()
    (root / "a" / "cut.png").write_bytes(content[: len(content) // 2])
    paths = [root / "a" / "cut.png", *(root / "b" / f"empty{i:02}.jpg" for i in range(count - 1))]
    for path in paths[1:]:
        path.write_bytes(b"")
    return paths


def test_damaged_pictures_are_all_named_at_once(tmp_path: Path) -> None:
    paths = damaged_tree(tmp_path, 3)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tmp_path}: 3 of 7 pictures cannot be read:"
    assert lines[-1] == (
        "Try: fix or remove them, or --skip-damaged (skip_damaged=True) to leave them out"
    )
    assert sorted(line.split(":")[0].strip() for line in lines[1:-1]) == sorted(map(str, paths))


def test_of_many_damaged_pictures_ten_are_named_and_all_counted(tmp_path: Path) -> None:
    damaged_tree(tmp_path, 13)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    lines = str(caught.value).splitlines()
    assert (lines[0], len(lines), lines[-2]) == (
        f"{tmp_path}: 13 of 17 pictures cannot be read:",
        13,
        "  and 3 more",
    )


def test_damaged_pictures_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    damaged_tree(tmp_path, 3)
    found = folders.read(tmp_path, skip_damaged=True)
    assert (len(found.train[0]), found.train[1].tolist()) == (4, [0, 1, 0, 1])
    assert found.notes[0].startswith("damaged pictures left out: 3 of 7; the first: ")
    for i in (0, 1):
        (tmp_path / "a" / f"{i}.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        folders.read(tmp_path, skip_damaged=True)
    assert str(caught.value) == (
        f"{tmp_path}: all pictures of a class are damaged\n"
        "Try: fix them, or remove the folder of the class"
    )


def test_pillow_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path, "a/0.png", "b/0.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError) as caught:
        load(root)
    assert str(caught.value) == (
        "reading pictures needs Pillow, which is not installed\nTry: pip install 'xpcnn[images]'"
    )
