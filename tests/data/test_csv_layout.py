"""What the columns of a CSV file hold, and what is said where that cannot be known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpcnn.data import load, own_data
from xpcnn.data.csv_files import csv_file
from xpcnn.errors import ConfigError, DataError, LabelError, XpcnnError

FORM = "Try: a header such as label,pixel0,...,pixel783 (for images without labels: pixel0,...)"
FLAG = "Try: --label-column NAME or NUMBER (label_column=...), counted from 1, or -1 for the last"
LABELS = [0, 1, 2, 0, 1, 2, 0, 1]
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 4))
NAMES = "pixel0,pixel1,pixel2,pixel3"


def write(folder: Path, *columns: Any, header: str | None = None) -> Path:
    """Write a file with these columns: lists of values, or PIXELS."""
    cells = [c.T.tolist() if isinstance(c, np.ndarray) else [c] for c in columns]
    rows = zip(*(column for group in cells for column in group), strict=True)
    lines = [] if header is None else [header]
    lines += [",".join(map(str, row)) for row in rows]
    (folder / "own.csv").write_text("\n".join(lines))
    return folder / "own.csv"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("labels", [LABELS, [y + 1 for y in LABELS], list("abcabcab")])
def test_without_a_header_the_label_is_at_the_edge_that_holds_classes(
    tmp_path: Path, first: bool, labels: list[Any]
) -> None:
    path = write(tmp_path, *((labels, PIXELS) if first else (PIXELS, labels)))
    table = csv_file.read(path)
    assert table.images.reshape(8, 4).tolist() == PIXELS.tolist()
    assert table.labels is not None
    found = table.labels if table.classes is None else np.array(table.classes)[table.labels]
    assert found.tolist() == labels
    assert table.layout.note == (
        f"{path}: has no header; the labels are column {1 if first else 5} of 5"
    )


def test_without_a_header_and_without_a_label(tmp_path: Path) -> None:
    table = csv_file.read(write(tmp_path, PIXELS), (2, 2))
    assert (table.images.reshape(8, 4).tolist(), table.labels) == (PIXELS.tolist(), None)
    ids = [f"{i}.png" for i in range(8)]
    table = csv_file.read(write(tmp_path, ids, PIXELS))
    assert (table.ids, table.labels) == (tuple(ids), None)


def test_without_a_header_numbered_rows_and_a_label(tmp_path: Path) -> None:
    for path in (
        write(tmp_path, list(range(8)), PIXELS, LABELS),
        write(tmp_path, LABELS, PIXELS, list(range(1, 9))),
    ):
        table = csv_file.read(path)
        assert table.labels is not None
        assert (table.labels.tolist(), table.images.reshape(8, 4).tolist()) == (
            LABELS,
            PIXELS.tolist(),
        )
    with pytest.raises(DataError) as caught:
        csv_file.read(write(tmp_path, list(range(8)), LABELS, PIXELS))
    assert str(caught.value) == (
        f"{path}: has no header; column 1 numbers the rows, and the label may be any other\n{FLAG}"
    )
    table = csv_file.read(path, label_column=2)
    assert table.labels is not None
    assert table.labels.tolist() == LABELS


def test_text_labels_are_classes_in_order(tmp_path: Path) -> None:
    names = ["cat, small", "dog", "eel", "dog", "eel", "dog", "eel", "ant"]
    header = f"label,{NAMES}"
    path = write(tmp_path, [f'"{name}"' for name in names], PIXELS, header=header)
    table = csv_file.read(path)
    assert table.classes == ("ant", "cat, small", "dog", "eel")
    assert table.labels is not None
    assert table.labels.tolist() == [1, 2, 3, 2, 3, 2, 3, 0]


def test_ids_are_returned_and_are_no_pixels(tmp_path: Path) -> None:
    path = write(tmp_path, ["07", "x", *"abcdef"], PIXELS, header=f"id,{NAMES}")
    table = csv_file.read(path)
    assert table.ids == ("07", "x", *"abcdef")
    images, _, _, ids, _ = own_data.unlabelled(path, (2, 2))
    assert ids == table.ids
    np.testing.assert_array_equal(images, table.images)
    path = write(tmp_path, range(8), LABELS, PIXELS, header=f"Unnamed: 0,class,{NAMES}")
    assert csv_file.read(path).ids == tuple("01234567")


@pytest.mark.parametrize("column", ["kind", "1", 1, -5])
def test_a_label_by_name_or_number(tmp_path: Path, column: str | int) -> None:
    path = write(tmp_path, LABELS, PIXELS, header=f"kind,{NAMES}")
    table = csv_file.read(path, label_column=column)
    assert table.labels is not None
    assert (table.labels.tolist(), table.images.shape) == (LABELS, (8, 1, 2, 2))


def test_one_name_with_a_number_makes_no_numbered_pixels(tmp_path: Path) -> None:
    path = write(tmp_path, LABELS, PIXELS, header="label,left,top,right,corner2")
    np.testing.assert_array_equal(csv_file.read(path).images, PIXELS.reshape(8, 1, 2, 2))


def test_columns_beside_a_label_that_is_given_are_left_out_and_named(tmp_path: Path) -> None:
    path = write(tmp_path, list("abcabcab"), LABELS, PIXELS, header=f"usage,y,{NAMES}")
    table = csv_file.read(path, label_column="y")
    assert table.layout.note == f"{path}: columns left out: 'usage'"
    assert table.images.shape == (8, 1, 2, 2)


def test_a_test_file_without_the_column_of_labels_is_no_test_part(tmp_path: Path) -> None:
    many = np.random.default_rng(1).integers(0, 256, (40, 4))
    train = write(tmp_path, many, [0, 1] * 20, header=f"{NAMES},kind")
    train.rename(tmp_path / "train.csv")
    for column in ("kind", -1):
        write(tmp_path, PIXELS, header=NAMES).rename(tmp_path / "test.csv")
        assert "by hash" in load(tmp_path, label_column=column)[1].name
        write(tmp_path, PIXELS, [0, 1] * 4, header=f"{NAMES},kind").rename(tmp_path / "test.csv")
        assert len(load(tmp_path, label_column=column)[1]) == 8


def test_a_test_file_has_the_classes_of_the_training_file(tmp_path: Path) -> None:
    many = np.random.default_rng(1).integers(0, 256, (40, 4))
    header = f"label,{NAMES}"
    write(tmp_path, ["ant", "bee", "cat", "dog"] * 10, many, header=header).rename(
        tmp_path / "train.csv"
    )
    write(tmp_path, ["dog", "bee"] * 4, PIXELS, header=header).rename(tmp_path / "test.csv")
    train, test = load(tmp_path)
    assert train.classes == ("ant", "bee", "cat", "dog")
    assert test.labels.tolist() == [3, 1] * 4
    write(tmp_path, ["dog", "bea"] * 4, PIXELS, header=header).rename(tmp_path / "test.csv")
    with pytest.raises(LabelError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'test.csv'}: there is no class 'bea' in the training part\n"
        "Try: 'bee' (valid: ant, bee, cat, dog)"
    )


def test_a_label_column_where_there_are_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", images=np.zeros((9, 1, 2, 2), np.uint8), labels=np.zeros(9, int))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "own.npz", label_column="y")
    assert str(caught.value) == (
        f"label_column is given, but {tmp_path / 'own.npz'} has no columns\n"
        "Try: leave --label-column (label_column) out"
    )
    text = "label_column is given, but digits has no columns\nTry"
    with pytest.raises(ConfigError, match=text):
        load("digits", label_column="y")


TWO_READINGS: dict[str, tuple[str, type[XpcnnError], str]] = {
    "two labels": (
        f"label,class,{NAMES}\n0,1,2,3,4,5\n",
        DataError,
        f"the column of the labels may be 'label' or 'class'\n{FLAG}",
    ),
    "another name": (
        f"{NAMES},character\n0,1,2,3,4\n",
        DataError,
        "column 'character' is not among the numbered pixels: it may be the label or irrelevant\n"
        + FLAG,
    ),
    "another column": (
        f"label,{NAMES},Usage\n0,1,2,3,4,5\n",
        DataError,
        "column 'Usage' is not among the numbered pixels, and 'label' is the label\n"
        "Try: the file without it, or --label-column label",
    ),
    "both edges": (
        "0,1,5,9,0\n1,7,8,7,1\n0,8,6,5,0\n1,4,4,4,1\n",
        DataError,
        f"has no header, and the labels may be column 1, or column 5, the last\n{FLAG}",
    ),
    "neither edge": (
        "7,1,5,9,250\n7,7,8,7,13\n",
        DataError,
        f"has no header, and the labels may be column 1, or column 5, the last\n{FLAG}",
    ),
    "numbers in line 1": (
        "0,1,2,3,4\n7,1,5,9,250\n",
        DataError,
        "line 1 may be a header of numbered columns or an image\n"
        "Try: names for the columns, such as label,pixel0,pixel1,...",
    ),
    "text and numbers": (
        f"label,{NAMES}\ncat,0,1,2,3\n7,0,1,2,3\n",
        LabelError,
        "the label of image 2 is a number, '7', where others are text, such as 'cat'\n"
        "Try: labels that are all numbers or all text",
    ),
    "a label missing": (
        f"label,{NAMES}\ncat,0,1,2,3\n,0,1,2,3\n",
        LabelError,
        "the label of image 2 is missing\nTry: a label for each image",
    ),
    "names of pictures": (
        "id,label\na.png,cat\n",
        DataError,
        "has no columns of pixels\n"
        "Try: if it names pictures: a column called file with whole names, such as photos/1.jpg",
    ),
    "pixels in the order of text": (
        "label,px1,px10,px2,px3\n0,1,2,3,4\n",
        DataError,
        "after the column px1 comes px10, expected px2\n"
        "Try: the file with all its columns, in their order",
    ),
}


@pytest.mark.parametrize("kind", TWO_READINGS)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path: Path, kind: str) -> None:
    content, error, text = TWO_READINGS[kind]
    (tmp_path / "own.csv").write_text(content)
    with pytest.raises(error) as caught:
        csv_file.read(tmp_path / "own.csv")
    assert type(caught.value) is error
    assert str(caught.value) == f"{tmp_path / 'own.csv'}: {text}"


@pytest.mark.parametrize(
    ("header", "column", "text"),
    [
        (f"kind,{NAMES}\n", "knd", "there is no column 'knd'\nTry: 'kind' (valid: kind)"),
        (
            f"kind,{NAMES}\n",
            6,
            "there is no column 6: columns are numbered from 1 to 5\n"
            "Try: 1 for the first column, 5 or -1 for the last",
        ),
        (
            f"kind,{NAMES}\n",
            "0",
            "there is no column 0: columns are numbered from 1 to 5\n"
            "Try: 1 for the first column, 5 or -1 for the last",
        ),
        (
            "",
            "kind",
            "has no header, so no column is called 'kind'\n"
            "Try: a number from 1 to 5, or -1 for the last",
        ),
        (
            "label,1,2,3,4\n",
            "1",
            "1 is the name of column 2 and the number of another\n"
            "Try: rename the column of the labels",
        ),
    ],
)
def test_a_label_column_that_is_not_there(
    tmp_path: Path, header: str, column: str | int, text: str
) -> None:
    (tmp_path / "own.csv").write_text(header + "7,0,9,2,3\n")
    with pytest.raises(ConfigError) as caught:
        csv_file.read(tmp_path / "own.csv", label_column=column)
    assert str(caught.value) == f"{tmp_path / 'own.csv'}: {text}"
