"""Groups of parameters by pattern: which learn, and at what part of the learning rate."""

from typing import Any

import pytest

from tests.lib import Lib
from xpcnn.errors import ConfigError
from xpcnn.optimizers import SGD, Adam
from xpcnn.optimizers.groups import check_factors, check_patterns, parameter_groups

PATHS = ("layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias")


def test_by_eye() -> None:
    made = parameter_groups(
        PATHS, factors={"*.bias": 2.0, "layers.0.*": 0.1}, freeze=["layers.2.weight"]
    )
    assert made.learning == (
        (0.1, ("layers.0.weight",)),
        (2.0, ("layers.0.bias", "layers.2.bias")),  # the first pattern that fits
    )
    assert parameter_groups(PATHS).learning == ((1.0, PATHS),)


def test_a_step_by_hand(lib: Lib, dtype: str) -> None:
    made = parameter_groups(
        PATHS, factors={"*.bias": 2.0, "layers.2.*": 0.5}, freeze=["layers.0.weight"]
    )
    optimizer = SGD(0.25, momentum=0.5)
    params = {path: lib.asarray([1.0], dtype) for path in PATHS}
    grads = {path: lib.asarray([1.0], dtype) for path in PATHS}
    state = made.init(optimizer, params)
    for step in (1, 2):
        params, state = made.update(
            optimizer, params, grads, state, lib.asarray(0.25, dtype), lib.asarray(step, dtype)
        )
    values = {path: lib.to_host(p).tolist() for path, p in params.items()}
    # the velocity is 1, then 1.5: 2.5 times the rate in all
    assert values == {
        "layers.0.weight": [1.0],
        "layers.0.bias": [1.0 - 2.5 * 0.5],
        "layers.2.weight": [1.0 - 2.5 * 0.125],
        "layers.2.bias": [1.0 - 2.5 * 0.5],
    }
    assert list(values) == list(PATHS)
    assert all(p.dtype == lib.backend.dtype(dtype) for p in params.values())


def test_what_stays_has_no_memory(lib: Lib) -> None:
    made = parameter_groups(
        PATHS, factors={"*.bias": 0.0, "layers.2.*": 3.0}, freeze=["layers.0.*"]
    )
    params = {path: lib.asarray([1.0]) for path in PATHS}
    one = lib.asarray(1.0)
    before = made.init(Adam(), params)
    _, after = made.update(Adam(), params, params, before, one, one)
    for state in (before, after):
        assert {name: list(arrays) for name, arrays in state.items()} == {
            "m": ["layers.2.weight"],
            "v": ["layers.2.weight"],
        }


def test_no_parameters_at_all() -> None:
    assert parameter_groups(()).paths == ()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"freeze": ["layers.0.wieght"]},
            "freeze: 'layers.0.wieght' fits no parameter\n"
            "Try: a pattern such as 'layers.0.weight' (valid: layers.0.bias, layers.0.weight, "
            "layers.1.mean, layers.2.bias, layers.2.weight)",
        ),
        (
            {"factors": {"layers.1.mean": 0.1}},
            "layer_lr: 'layers.1.mean' fits no parameter\nTry: a pattern such as 'layers.",
        ),
        (
            {"freeze": ["*"]},
            "freeze and layer_lr leave no parameter to train\nTry: fewer patterns",
        ),
        (
            {"freeze": ["*weight"], "factors": {"*bias": 0.0}},
            "freeze and layer_lr leave no parameter to train\nTry: fewer patterns",
        ),
    ],
)
def test_patterns_that_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parameter_groups(PATHS, ("layers.1.mean",), **options)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("factors", "text"),
    [
        (["layers.0.*"], "layer_lr is a list, expected factors by pattern\nTry: layer_lr={"),
        ({0: 0.1}, "layer_lr has 0 for a pattern, expected a text\nTry: layer_lr={"),
        ({"a": -1}, "layer_lr: 'a' must be a finite number >= 0, got -1\nTry: 0.1 for 'a'"),
        ({"a": "0.1"}, "layer_lr: 'a' must be a finite number >= 0, got str\nTry: 0.1 for 'a'"),
    ],
)
def test_factors_that_are_refused(factors: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_factors(factors)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("freeze", ["layers.0.*", {"layers.0.*": 1}])
def test_lists_of_patterns_that_are_refused(freeze: Any) -> None:
    name = type(freeze).__name__
    with pytest.raises(ConfigError) as caught:
        check_patterns(freeze)
    assert str(caught.value) == (
        f'freeze is a {name}, expected a list of patterns\nTry: freeze=["layers.0.*"]'
    )
    with pytest.raises(ConfigError) as caught:
        check_patterns([0])
    assert str(caught.value) == (
        'freeze has 0 for a pattern, expected a text\nTry: freeze=["layers.0.*"]'
    )
