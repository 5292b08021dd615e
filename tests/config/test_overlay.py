"""Tables over tables, case by case."""

from typing import Any

import pytest

from xpcnn.config.overlay import merged, put
from xpcnn.errors import ConfigError

SGD = {"name": "sgd", "lr": 0.1, "momentum": 0.9}
FLIP, CROP = {"name": "flip", "vertical": 0.5}, {"name": "crop", "pad": 2}


@pytest.mark.parametrize(
    ("below", "above", "result"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "d": 4}}, {"a": {"b": 1, "c": 3, "d": 4}}),
        ({"a": [1, 2, 3]}, {"a": [4]}, {"a": [4]}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": {"b": 2}}, {"a": 1}, {"a": 1}),
        (SGD, {"lr": 0.2}, {"name": "sgd", "lr": 0.2, "momentum": 0.9}),
        (SGD, {"name": "sgd", "lr": 0.2}, {"name": "sgd", "lr": 0.2, "momentum": 0.9}),
        (SGD, {"name": "adam"}, {"name": "adam"}),
        ({"lr": 0.1}, {"name": "adam"}, {"lr": 0.1, "name": "adam"}),
        ({"type": "MSE", "a": 1}, {"type": "BCEWithLogits"}, {"type": "BCEWithLogits"}),
        ([FLIP, CROP], [{"name": "crop"}, {"name": "noise"}], [CROP, {"name": "noise"}]),
        ([FLIP], [{"name": "flip", "vertical": 0.1}], [{"name": "flip", "vertical": 0.1}]),
        ([FLIP], [], []),
        ({"clip_value": 1, "a": 2}, {"clip_norm": 3}, {"a": 2, "clip_norm": 3}),
        ({"clip_value": 1}, {"clip_norm": "none"}, {"clip_value": 1, "clip_norm": "none"}),
        ({"clip_value": 1}, {"clip_norm": 3, "clip_value": 2}, {"clip_norm": 3, "clip_value": 2}),
    ],
    ids=str,
)
def test_what_lies_over_what(below: Any, above: Any, result: Any) -> None:
    before = repr(below)
    assert merged(below, above) == result
    assert repr(below) == before


@pytest.mark.parametrize(
    ("path", "value", "result"),
    [
        ("a", 2, {"a": 2, "list": [FLIP, CROP]}),
        ("b.c.d", 2, {"a": 1, "list": [FLIP, CROP], "b": {"c": {"d": 2}}}),
        ("list.1.pad", 4, {"a": 1, "list": [FLIP, {"name": "crop", "pad": 4}]}),
        ("list.0", {"name": "noise"}, {"a": 1, "list": [{"name": "noise"}, CROP]}),
        ("list", [CROP], {"a": 1, "list": [CROP]}),
    ],
)
def test_a_value_at_a_path(path: str, value: Any, result: Any) -> None:
    table = {"a": 1, "list": [FLIP, CROP]}
    assert put(table, path.split("."), value) == result
    assert table == {"a": 1, "list": [FLIP, CROP]}


def test_a_name_in_another_case_is_the_same() -> None:
    below = {"optimizer": {"name": "sgd", "momentum": 0.9}}
    assert merged(below, {"optimizer": {"name": "SGD", "lr": 0.1}}) == {
        "optimizer": {"name": "SGD", "momentum": 0.9, "lr": 0.1}
    }


def test_two_of_one_name_keep_their_own_options() -> None:
    first, second = {"name": "noise", "std": 0.1}, {"name": "noise", "seed": 2}
    assert put({"list": [first, second]}, ("list", "0", "std"), 0.3) == {
        "list": [{"name": "noise", "std": 0.3}, second]
    }


def test_clipping_at_a_path_takes_the_place_of_the_other() -> None:
    below = {"training": {"clip_value": 1, "epochs": 2}}
    assert put(below, ("training", "clip_norm"), 3) == {"training": {"epochs": 2, "clip_norm": 3}}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a.b", "a is 1, which has no 'b'\nTry: a itself"),
        (
            "t.optimizer.lr",
            "t.optimizer is 'adam', which has no 'lr'\nTry: optimizer = { name = \"adam\" }",
        ),
        ("list.2.pad", "list has no item '2'\nTry: one of 0, 1"),
        ("list.-1", "list has no item '-1'\nTry: one of 0, 1"),
        ("list.x", "list has no item 'x'\nTry: one of 0, 1"),
        (
            "empty.0.pad",
            "empty is an empty list: it has no item 0 to change\n"
            'Try: empty=[{name="...", ...}], the whole list',
        ),
    ],
)
def test_paths_that_lead_nowhere(path: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        put(
            {"a": 1, "t": {"optimizer": "adam"}, "list": [FLIP, CROP], "empty": []},
            path.split("."),
            2,
        )
    assert str(caught.value) == said
