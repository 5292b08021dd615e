"""How samples were read, in model files: each kind comes back, nonsense is refused."""

import json
from typing import Any

import pytest

from xpcnn.data.reading import Arrays, Drawn, Pictures, Reading
from xpcnn.errors import ConfigError
from xpcnn.io.reading_table import from_table, of_image_rule, to_table

READINGS = (
    Pictures("RGB", (32, 48), "crop", "lanczos"),
    Pictures("I;16", (1, 1)),
    Drawn((28, 28), 0.0, 255.0, "dark", 0.7),
    Arrays((4, 8, 8), -1.0, 1.0),
    Arrays((2, 8, 8), None, None),
)


@pytest.mark.parametrize("reading", READINGS)
def test_each_kind_comes_back(reading: Reading) -> None:
    table = to_table(reading)
    assert table is not None
    assert from_table(json.loads(json.dumps(table)), "reading") == reading
    assert to_table(None) is None


PICTURES = {"from": "pictures", "mode": "L", "size": [3, 3]}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "reading: from is None\nTry: one of arrays, drawn, pictures"),
        ({"from": "picture"}, "reading: from is 'picture'\nTry: 'pictures'"),
        ({"from": ["drawn"]}, "reading: from is ['drawn']\nTry: "),
        ({"from": "pictures", "mode": "L"}, "reading: pictures: size is missing\n"),
        ({**PICTURES, "mode": "HSV"}, "reading: pictures: mode is 'HSV', expected 'L' or 'RGB'"),
        ({**PICTURES, "size": [3]}, "reading: pictures: size is [3], expected a list of 2 whole"),
        ({**PICTURES, "size": [3, 10**9]}, "reading: size is (3, 1000000000), expected whole"),
        ({**PICTURES, "fit": "stretch"}, "reading: pictures: fit is 'stretch', expected 'pad' or"),
        ({**PICTURES, "script": "rm"}, "reading: pictures has no option 'script'\n"),
        (
            {"from": "arrays", "sample": [1, 3, 3], "low": 1.0, "high": 0.0},
            "reading: low is 1.0 and high is 0.0, expected low < high",
        ),
    ],
)
def test_tables_that_are_none(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_table(table, "reading")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("rule", "shape", "reading"),
    [
        ({"low": 0, "high": 16, "border": "dark"}, (1, 8, 8), Drawn((8, 8), 0, 16, "dark", 1.0)),
        (
            {"low": 0.0, "high": 1.0, "border": "light", "extent": 0.5},
            (1, 8, 8),
            Drawn((8, 8), 0.0, 1.0, "light", 0.5),
        ),
        ({"low": 0, "high": 255, "border": "any"}, (1, 8, 8), Arrays((1, 8, 8), 0.0, 255.0)),
        ({"low": 0, "high": 255, "border": "dark"}, (3, 8, 8), Arrays((3, 8, 8), 0.0, 255.0)),
        ({"border": "any"}, (1, 8, 8), Arrays((1, 8, 8), None, None)),
        ({}, (1, 8, 8), None),
        ({"low": 0, "high": 1, "border": "any"}, (5,), None),
    ],
)
def test_the_rule_of_older_files(
    rule: dict[str, Any], shape: tuple[int, ...], reading: Reading | None
) -> None:
    assert of_image_rule(rule, shape) == reading


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (None, "model: image_rule is None, expected a table\n"),
        ({"border": "grey"}, "model: image_rule: border is 'grey', expected dark, light or any\n"),
        ({"border": ["any"]}, "model: image_rule: border is ['any'], expected dark"),
        ({"border": "dark", "low": 2, "high": 1}, "image_rule: low is 2.0 and high is 1.0"),
        (
            {"border": "dark", "low": 0, "high": 1, "extent": 7},
            "image_rule: extent is 7.0, expected a part of the sample from 0 to 1\n",
        ),
    ],
)
def test_older_rules_that_make_no_sense(rule: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        of_image_rule(rule, (1, 8, 8))
    assert str(caught.value).startswith(message)
