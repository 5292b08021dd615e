"""Every way in which a row or a CSV file of images can be wrong."""

from pathlib import Path

import numpy as np
import pytest

from tests.data.test_csv import HEADER, csv, table
from xpcnn.data.csv_files import csv_file
from xpcnn.errors import DataError, LabelError

FORM = "Try: a header such as label,pixel0,...,pixel783 (for images without labels: pixel0,...)"
PIXELS = "Try: pixels as whole numbers from 0 to 255; a .npz file takes others"
ROW = "Try: a line for each image, a comma between values"
LABEL = "Try: classes from 0, or text for every label; --task regression for numbers"

GOOD = HEADER + "7,0,1,2,255\n"
BAD: dict[str, tuple[str, type[DataError], str]] = {
    "empty": ("", DataError, "is empty\nTry: get or write the file again"),
    "only blank lines": ("\n \n\n", DataError, "is empty\nTry: get or write the file again"),
    "only a header": (
        HEADER,
        DataError,
        "holds no images, only a header\nTry: get or write the file again",
    ),
    "a column missing": (
        "label,pixel0,pixel1,pixel3,pixel4\n7,0,1,2,3\n",
        DataError,
        "after the column pixel1 comes pixel3, expected pixel2\n"
        "Try: the file with all its columns, in their order",
    ),
    "one column": (
        "label\n1\n",
        DataError,
        f"line 1 has no comma, semicolon, tab or vertical bar, so only one column\n{FORM}",
    ),
    "two delimiters": (
        "7;0,5;1,5\n",
        DataError,
        "line 1 has more than one delimiter: 3 columns by ',' or 3 columns by ';'\n"
        "Try: quotes around text that holds a delimiter",
    ),
    "a fraction in a file of floats": (
        HEADER + "7.0,0.0,1.0,2.0,255.0\n3.0,0.0,1.0,2.5,255.0\n",
        DataError,
        f"line 3, column pixel2: '2.5' is not a whole number from 0 to 255\n{PIXELS}",
    ),
    "a quote that does not end": (
        GOOD + '7,0,"1,2,255\n',
        DataError,
        f"line 3 has 3 values, the header 5 names\n{ROW}",
    ),
    "a huge field": (
        GOOD + f"7,0,1,2,{'0' * 3000}1\n7,0,1,2,{'0' * 5000}1\n",
        DataError,
        "line 4 is longer than 4096 characters\nTry: a line for each image",
    ),
    "a huge field in the first line": (
        f"label,{'x' * 200_000},pixel1\n",
        DataError,
        f"line 1 cannot be read: field larger than field limit (131072)\n{FORM}",
    ),
    "a row too short": (
        GOOD + "7,0,1,2\n",
        DataError,
        f"line 3 has 4 values, the header 5 names\n{ROW}",
    ),
    "a row too long": (
        GOOD + "7,0,1,2,3,4\n" + "7,0,1,2\n",
        DataError,
        f"line 3 has 6 values, the header 5 names\n{ROW}",
    ),
    "every row too short": (
        HEADER + "\n7,0,1,2\n7,0,1,2\n",
        DataError,
        f"line 3 has 4 values, the header 5 names\n{ROW}",
    ),
    "a word": (
        GOOD + "7,0,one,2,3\n",
        DataError,
        f"line 3, column pixel1: 'one' is not a whole number from 0 to 255\n{PIXELS}",
    ),
    "nothing between commas": (
        GOOD + "7,0,1,,3\n",
        DataError,
        f"line 3, column pixel2: '' is not a whole number from 0 to 255\n{PIXELS}",
    ),
    "a fraction": (
        GOOD + "7,0,1,2,0.5\n",
        DataError,
        f"line 3, column pixel3: '0.5' is not a whole number from 0 to 255\n{PIXELS}",
    ),
    "256": (
        GOOD + "7,0,1,2,3\n7,256,1,2,3\n",
        DataError,
        f"line 4, column pixel0: '256' is not a whole number from 0 to 255\n{PIXELS}",
    ),
    "-1": (
        GOOD + "7,0,1,2,-1\n",
        DataError,
        f"line 3, column pixel3: '-1' is not a whole number from 0 to 255\n{PIXELS}",
    ),
    "a long number": (
        GOOD + f"7,0,1,2,{'9' * 60}\n",
        DataError,
        f"line 3, column pixel3: '{'9' * 20}...' is not a whole number from 0 to 255\n{PIXELS}",
    ),
    "a label that is a word": (
        GOOD + "cat,0,1,2,3\n",
        LabelError,
        f"line 3, column label: 'cat' is not a whole number from 0 to 65535\n{LABEL}",
    ),
    "a negative label": (
        GOOD + "-1,0,1,2,3\n",
        LabelError,
        f"line 3, column label: '-1' is not a whole number from 0 to 65535\n{LABEL}",
    ),
    "a huge label": (
        GOOD + "65536,0,1,2,3\n",
        LabelError,
        f"line 3, column label: '65536' is not a whole number from 0 to 65535\n{LABEL}",
    ),
    "a line without end": (
        GOOD + "1" * 5000,
        DataError,
        "line 3 is longer than 4096 characters\nTry: a line for each image",
    ),
    "a header without end": (
        "pixel0," * (1 << 20),
        DataError,
        "line 1 is longer than 4194304 characters\nTry: a line for each image",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_wrong_file_is_named_with_the_line_and_what_is_wrong(tmp_path: Path, kind: str) -> None:
    content, error, text = BAD[kind]
    path = csv(tmp_path, content)
    with pytest.raises(error) as caught:
        csv_file.read(path)
    assert type(caught.value) is error
    assert str(caught.value) == f"{path}: {text}"


@pytest.mark.parametrize(
    ("size", "expected"), [(None, "square images"), ((2, 3), "images of 2 x 3")]
)
def test_columns_that_make_no_image(
    tmp_path: Path, size: tuple[int, int] | None, expected: str
) -> None:
    path = csv(tmp_path, table(np.zeros((1, 5), int), [0]))
    with pytest.raises(DataError) as caught:
        csv_file.read(path, size)
    assert str(caught.value) == (
        f"{path}: 5 columns of pixels do not make {expected}\n"
        "Try: --image-size H,W with their size (image_size=(h, w)); "
        "other numbers than pixels: Model.fit in Python"
    )


def test_what_is_no_text_or_no_file(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(DataError) as caught:
        csv_file.read(path)
    advice = "Try: unpack it, if it is an archive; or save it as CSV in UTF-8"
    assert str(caught.value) == f"{path}: is not text in UTF-8\n{advice}"
    with pytest.raises(DataError) as caught:
        csv_file.read(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: cannot be read: Is a directory\nTry: check the path and who may read it"
    )
