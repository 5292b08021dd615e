"""CSV files that name pictures: the column of the labels, and how the pictures are named."""

from pathlib import Path

import numpy
import pytest

from tests.data.small_pictures import picture
from xpcnn.data import Dataset, load, load_parts
from xpcnn.errors import DataError, LabelError

N = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my pictures").mkdir()
    for i in range(N):
        picture(tmp_path / "my pictures" / f"{i}.png", numpy.full((4, 4), 10 * i, numpy.uint8))
    return tmp_path


def read(folder: Path, head: str, row: str) -> Dataset:
    """Return all pictures; in `row` {i} counts, {p} is the folder, {c} one of three names."""
    lines = [row.format(i=i, p=folder, c=["cat", "big dog", "eel"][i % 3]) for i in range(N)]
    (folder / "f.csv").write_text("\n".join([head, *lines]))
    train, test = load(folder / "f.csv")
    assert len(train) + len(test) == N
    return train


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("image_path,breed", "my pictures/{i}.png,{c}"),
        ("breed;Image", "{c};my pictures/{i}.png"),
        ("file,breed", "{p}/my pictures/{i}.png,{c}"),
        ("file|breed", "my pictures/{i}.png|{c}"),
    ],
    ids=["one other column", "in front", "absolute paths", "vertical bars"],
)
def test_the_only_other_column_is_the_label(folder: Path, head: str, row: str) -> None:
    data = read(folder, head, row)
    assert data.classes == ("big dog", "cat", "eel")
    values = data.images[:, 0, 0, 0] // 10
    assert data.labels.tolist() == [(1, 0, 2)[i % 3] for i in values]
    assert f"{folder}/f.csv: the labels are the column 'breed'" in data.notes


def test_a_column_of_parts(folder: Path) -> None:
    lines = ["file,breed,Split"]
    parts = ["Train", "train", "val", "test"] * 3
    lines += [f"my pictures/{i}.png,{'cat' if i % 3 else 'eel'},{parts[i]}" for i in range(N)]
    (folder / "f.csv").write_text("\n".join(lines))
    read_from = load_parts(folder / "f.csv")
    assert "f.csv: the column 'Split' says of which part a picture is" in read_from.train.notes[1]
    for data, own in zip(read_from, (["Train", "train"], ["val"], ["test"]), strict=True):
        numbers = [i for i in range(N) if parts[i] in own]
        assert data is not None
        assert (data.images[:, 0, 0, 0] // 10).tolist() == numbers
        assert data.labels.tolist() == [0 if i % 3 else 1 for i in numbers]
        assert data.classes == ("cat", "eel")
    for streamed, data in zip(load_parts(folder / "f.csv", stream=True), read_from, strict=True):
        assert streamed is not None
        assert data is not None
        assert streamed.labels.tolist() == data.labels.tolist()
        assert (streamed.images[:] == data.images[:]).all()


def test_a_column_that_does_not_name_parts(folder: Path) -> None:
    data = read(folder, "file,label,Split", "my pictures/{i}.png,{c},{i}")
    assert "'Split' does not decide which picture is in which part; a column" in data.notes[-1]


@pytest.mark.parametrize(
    ("head", "row", "error", "message"),
    [
        (
            *("file,x,y", "my pictures/{i}.png,1,2", LabelError),
            "f.csv: the column of the labels may be 'x' or 'y'\nTry: --label-column NAME",
        ),
        (
            *("file", "my pictures/{i}.png,", DataError),
            "f.csv: line 1 has no comma, semicolon, tab or vertical bar",
        ),
        (
            *("file,label", "my pictures\\{i}.png,{c}", DataError),
            "12 of 12 pictures are not there, the first: my pictures\\0.png (line 2), ",
        ),
        (
            *("my pictures/0.png,cat", "my pictures/{i}.png,{c}", DataError),
            "f.csv: line 1 names a picture in place of the columns\nTry: a first line with names",
        ),
        (
            *("name,label", "my pictures/{i}.png,{c}", DataError),
            "f.csv: column name has names of pictures, but is not called file\nTry: file in place",
        ),
        (
            *("file,label", "/other/{i}.png,{c}", DataError),
            "f.csv: line 2: /other/0.png is not a name within the folder\nTry: names of pictures",
        ),
        (
            *("file,label", '"my pictures/{i}.png","{i},5"', LabelError),
            "f.csv: the labels are numbers with a decimal comma, such as '0,5'\nTry: a point in",
        ),
    ],
)
def test_what_is_rejected(
    folder: Path, head: str, row: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        read(folder, head, row)
    assert message in str(caught.value)
    if "\\" in row:
        assert str(caught.value).endswith(
            " from the folder of the CSV file on, with / in place of \\"
        )


def test_a_name_that_comes_again_late(folder: Path) -> None:
    names = [f"{i}.png" for i in range(6_000)]
    (folder / "f.csv").write_text("file,label\n" + "".join(f"{n},a\n" for n in [*names, "9.png"]))
    with pytest.raises(LabelError, match=r"line 6002 names '9.png' again"):
        load(folder / "f.csv")
