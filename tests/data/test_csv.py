"""CSV files of images, and folders of them; `test_csv_refused.py` has those that are wrong."""

from pathlib import Path

import numpy as np
import pytest

from xpcnn.data import load
from xpcnn.data.csv_files import csv_file
from xpcnn.errors import DataError, LabelError

HEADER = "label,pixel0,pixel1,pixel2,pixel3\n"


def csv(folder: Path, text: str, name: str = "train.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def table(images: np.ndarray, labels: list[int] | None = None) -> str:
    """Return a file of images (n, ...) and their labels as Kaggle writes it."""
    rows = images.reshape(len(images), -1).tolist()
    names = [f"pixel{i}" for i in range(len(rows[0]))]
    if labels is not None:
        names, rows = ["label", *names], [[y, *row] for y, row in zip(labels, rows, strict=True)]
    return "".join(",".join(map(str, line)) + "\n" for line in [names, *rows])


def test_rows_become_square_images_and_labels(tmp_path: Path) -> None:
    images, labels, *_ = csv_file.read(csv(tmp_path, HEADER + "7,0,1,2,255\n3,9,8,7,6\n"))
    assert images.dtype == np.uint8
    assert images.tolist() == [[[[0, 1], [2, 255]]], [[[9, 8], [7, 6]]]]
    assert labels is not None
    assert labels.dtype == np.int64
    assert labels.tolist() == [7, 3]


def test_without_a_column_label_there_are_only_images(tmp_path: Path) -> None:
    images, labels, *_ = csv_file.read(csv(tmp_path, "pixel0,pixel1,pixel2,pixel3\n1,2,3,4\n"))
    assert (images.tolist(), labels) == ([[[[1, 2], [3, 4]]]], None)


@pytest.mark.parametrize(
    "text",
    [
        HEADER.replace("\n", "\r\n") + "7,0,1,2,255\r\n\r\n3,9,8,7,6\r\n",  # a blank line
        "\ufeff" + HEADER + " 7, 0,1,2,255\n3,9,8,7,6",
        '"label","pixel1","pixel2","pixel3","pixel4"\n7,0,1,2,255\n3,9,8,7,6\n\n  \n',
        "Label,1x1,1x2,2x1,2x2\n07,0,1,2,255\n3,9,8,+7,6\n",
        "\n\n" + HEADER.replace(",", ";") + "7;0;1;2;255\n3;9;8;7;6\n",
        HEADER.replace(",", "\t") + "7\t0\t1\t2\t255\n3\t9\t8\t7\t6\n",
        HEADER.replace(",", "|") + "7|0|1|2|255\n3|9|8|7|6\n",
        HEADER + '"7","0","1","2","255"\n"3",9,8,"7",6\n',
        HEADER + "7.0,0.0,1.0,2.0,255.0\n3,9.,8e0,7.00,6\n",
        HEADER + "7,0,1,2,255\n3.0,9.0,8.0,7.0,6.0\n",
        "class,pixel0000,pixel0001,pixel0002,pixel0003\n7,0,1,2,255\n3,9,8,7,6\n",
        "pixel0,pixel1,pixel2,pixel3,target\n0,1,2,255,7\n9,8,7,6,3\n",
        ",Label,0,1,2,3\n0,7,0,1,2,255\n1,3,9,8,7,6\n",
        "image_id,pixel0,pixel1,label,pixel2,pixel3\na.png,0,1,7,2,255\nb,9,8,3,7,6\n",
    ],
    ids=[
        "carriage returns",
        "byte order mark",
        "quoted names",
        "other names",
        "semicolons after blank lines",
        "tabs",
        "vertical bars",
        "quoted numbers",
        "whole floats",
        "floats from a line on",
        "class, padded numbers",
        "target, last",
        "an index, numbers for names",
        "an id, the label among pixels",
    ],
)
def test_spellings_of_the_same_file(tmp_path: Path, text: str) -> None:
    images, labels, *_ = csv_file.read(csv(tmp_path, text))
    assert labels is not None
    assert (images.reshape(2, 4).tolist(), labels.tolist()) == (
        [[0, 1, 2, 255], [9, 8, 7, 6]],
        [7, 3],
    )


def test_a_bar_within_text_is_no_delimiter(tmp_path: Path) -> None:
    text = "0,1,2,255,cat|dog\n9,8,7,6,eel\n"
    images, _, classes, *_ = csv_file.read(csv(tmp_path, text), None, -1)
    assert (images.shape, classes) == ((2, 1, 2, 2), ("cat|dog", "eel"))


def test_images_of_three_channels_and_of_another_shape(tmp_path: Path) -> None:
    pixels = np.arange(2 * 12).reshape(2, 3, 2, 2)
    images, *_ = csv_file.read(csv(tmp_path, table(pixels)))
    np.testing.assert_array_equal(images, pixels)
    wide, *_ = csv_file.read(csv(tmp_path, table(pixels)), (3, 4))
    np.testing.assert_array_equal(wide, pixels.reshape(2, 1, 3, 4))
    flat, *_ = csv_file.read(csv(tmp_path, table(pixels)), (1, 4))
    np.testing.assert_array_equal(flat, pixels.reshape(2, 3, 1, 4))


def test_colours_side_by_side_are_told_by_the_look_of_images(tmp_path: Path) -> None:
    ramp = np.add.outer(np.arange(8) * 20, np.arange(9) * 3)[:, :72].reshape(8, 9)
    planes = np.stack([np.stack([ramp + 5 * i, 200 - ramp, ramp // 2]) for i in range(3)])
    planes = planes.astype(np.uint8)
    (images, _, _, _, layout) = csv_file.read(csv(tmp_path, table(planes)), (8, 9))
    np.testing.assert_array_equal(images, planes)
    assert layout.note == ""
    path = csv(tmp_path, table(planes.transpose(0, 2, 3, 1)))
    (images, _, _, _, layout) = csv_file.read(path, (8, 9))
    np.testing.assert_array_equal(images, planes)
    assert layout.note == (
        f"{path}: the colours of a pixel stand side by side, by the look of the images"
    )


def test_a_file_of_very_many_columns(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (2, 120, 120))  # 160,000 characters a line
    images, labels, *_ = csv_file.read(csv(tmp_path, table(pixels, [1, 0])))
    np.testing.assert_array_equal(images[:, 0], pixels)
    assert labels is not None
    assert labels.tolist() == [1, 0]


def test_a_file_longer_than_one_read_is_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "_VALUES", 11)  # two lines of 5
    rng = np.random.default_rng(2)
    pixels, labels = rng.integers(0, 256, (7, 4)), rng.integers(0, 10, 7).tolist()
    text = table(pixels, labels)
    images, found, *_ = csv_file.read(csv(tmp_path, text))
    np.testing.assert_array_equal(images.reshape(7, 4), pixels)
    assert found is not None
    assert found.tolist() == labels
    lines = text.splitlines(keepends=True)
    lines[6] = lines[6].replace(",", ";", 1)
    with pytest.raises(DataError, match="line 7 has 4 values, the header 5 names"):
        csv_file.read(csv(tmp_path, "".join(lines)))


def some(count: int, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    return table(rng.integers(0, 256, (count, 4)), rng.integers(0, 3, count).tolist())


def test_a_folder_with_a_labelled_test_file(tmp_path: Path) -> None:
    csv(tmp_path, some(30))
    csv(tmp_path, some(9, seed=1), "test.csv")
    train, test = load(tmp_path)
    assert (train.name, test.name) == (tmp_path.name, tmp_path.name)
    assert (len(train), len(test), train.shape) == (30, 9, (1, 2, 2))
    assert train.classes == test.classes == ("0", "1", "2")
    assert (test.mean, test.std) == (train.mean, train.std)


def test_a_test_file_without_labels_is_no_test_part(tmp_path: Path) -> None:
    csv(tmp_path, some(30))
    csv(tmp_path, table(np.zeros((5, 4), int)), "test.csv")
    train, test = load(tmp_path)
    alone, rest = load(tmp_path / "train.csv")
    assert len(train) + len(test) == 30
    np.testing.assert_array_equal(train.images, alone.images)
    np.testing.assert_array_equal(test.images, rest.images)
    assert (alone.name, rest.name) == ("train.csv", "train.csv (a fifth, by hash)")


def test_images_without_labels_are_not_learnt_from(tmp_path: Path) -> None:
    path = csv(tmp_path, table(np.zeros((5, 4), int)), "test.csv")
    with pytest.raises(LabelError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}: there is no column label, so there is nothing to learn from\n"
        "Try: train.csv, or --label-column NAME (label_column=...) for labels under another name; "
        "for images without labels: xpcnn predict RUN --submission FILE"
    )


def test_a_test_file_of_other_images_or_classes(tmp_path: Path) -> None:
    csv(tmp_path, some(30))
    test = csv(tmp_path, table(np.zeros((2, 9), int), [0, 1]), "test.csv")
    with pytest.raises(DataError) as caught:
        load(tmp_path, image_size=(2, 2))
    assert str(caught.value).startswith(
        f"{test}: 9 columns of pixels do not make images of 2 x 2\n"
    )
    csv(tmp_path, table(np.zeros((2, 4), int), [0, 7]), "test.csv")
    with pytest.raises(LabelError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(
        f"{tmp_path}: the test part: 1 of 2 labels lie outside 0..2, the first: labels[1] = 7\n"
    )
