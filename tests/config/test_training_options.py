"""The options of training: what is refused, in words."""

import math
from functools import partial
from typing import Any

import numpy
import pytest

from tests.training.linear import linear, rows
from xpcnn.config.training_options import overridden
from xpcnn.diagnostics import dry_run, find_lr
from xpcnn.errors import ConfigError
from xpcnn.optimizers import SGD, Adam
from xpcnn.schedules import Cosine
from xpcnn.training import TrainingOptions

STEPS = "TrainingOptions: warmup must be a whole number of steps (int) or a fraction of all steps"


@pytest.mark.parametrize("name", ["epochs", "batch_size", "accumulate"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_counts(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingOptions(**{name: value})
    assert str(caught.value) == (
        f"{name} is {value!r}, expected a whole number of at least 1\nTry: {name}=10"
    )


@pytest.mark.parametrize("name", ["validate_every", "patience", "max_steps"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_counts_that_may_be_left_out(name: str, value: Any) -> None:
    test_counts(name, value)
    for good in (None, 1):
        chosen: dict[str, Any] = {name: good}
        assert getattr(TrainingOptions(**chosen), name) == good


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"warmup": -1},
            f"{STEPS} (float between 0 and 1), got -1\nTry: warmup=100 for steps, ",
        ),
        ({"warmup": 1.0}, f"{STEPS} (float between 0 and 1), got 1.0\nTry: "),
        ({"warmup": "5"}, f"{STEPS} (float between 0 and 1), got str\nTry: "),
        ({"warmup": math.nan}, f"{STEPS} (float between 0 and 1), got nan\nTry: "),
        ({"l1": -0.1}, "TrainingOptions: l1 must be a finite number >= 0, got -0.1\nTry: "),
        ({"l1": math.inf}, "TrainingOptions: l1 must be a finite number >= 0, got inf\nTry: "),
        ({"l1": None}, "TrainingOptions: l1 must be a finite number >= 0, got NoneType\nTry: "),
        (
            {"ema": 1},
            "TrainingOptions: ema must be a number >= 0 and < 1, got 1\nTry: ema=0.999, or ",
        ),
        ({"ema": -0.1}, "TrainingOptions: ema must be a number >= 0 and < 1, got -0.1\nTry: "),
        ({"ema": "0.9"}, "TrainingOptions: ema must be a number >= 0 and < 1, got str\nTry: "),
        (
            {"max_seconds": 0},
            "TrainingOptions: max_seconds must be a finite number > 0, got 0\nTry: max_seconds=60",
        ),
        (
            {"max_seconds": math.nan},
            "TrainingOptions: max_seconds must be a finite number > 0, got nan\nTry: ",
        ),
        (
            {"clip_norm": -1},
            "TrainingOptions: clip_norm must be a finite number > 0, got -1\n"
            "Try: clip_norm=1.0, or no clipping",
        ),
        (
            {"clip_value": "1"},
            "TrainingOptions: clip_value must be a finite number > 0, got str\n"
            "Try: clip_value=1.0, or no clipping",
        ),
        (
            {"clip_norm": 0},
            "TrainingOptions: clip_norm must be a finite number > 0, got 0\nTry: clip_norm=1.0, "
            "or no clipping",
        ),
        ({"clip_value": 0.0}, "TrainingOptions: clip_value must be a finite number > 0, got 0"),
        (
            {"clip_norm": 1.0, "clip_value": 1.0},
            "clip_norm and clip_value are both given\nTry: one of the two",
        ),
        (
            {"monitor": "val_acuracy"},
            "unknown monitor 'val_acuracy'\nTry: 'val_accuracy' (valid: val_accuracy, val_auc, ",
        ),
        ({"monitor": "f1"}, "unknown monitor 'f1'\nTry: 'val_f1' (valid: "),
        ({"monitor": None}, "unknown monitor None\nTry: one of val_accuracy, val_auc, "),
        ({"optimizer": 3}, "optimizer is 3, expected a name or an object\nTry: a name ('sgd', "),
        (
            {"optimizer": SGD},
            "optimizer is <class 'xpcnn.optimizers.sgd.SGD'>, expected a name",
        ),
        (
            {"schedule": 0.1},
            "schedule is 0.1, expected a name or an object\nTry: a name",
        ),
        (
            {"schedule": Cosine},
            "schedule is <class 'xpcnn.schedules.falling.Cosine'>, expected a name",
        ),
        ({"layer_lr": 0.1}, "layer_lr is a float, expected factors by pattern\nTry: layer_lr={"),
        ({"layer_lr": {"a": -1}}, "layer_lr: 'a' must be a finite number >= 0, got -1\nTry: "),
        ({"freeze": "layers.0.*"}, "freeze is a str, expected a list of patterns\nTry: freeze=["),
        ({"augment": "flip"}, "augment is a str, expected a list"),
    ],
)
def test_refusals(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingOptions(**options)
    assert str(caught.value).startswith(text)
    assert "\nTry: " in str(caught.value)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("epoch", "epochs"),
        ("layers_lr", "layer_lr"),
        ("early_stopping_patience", "one of accumulate"),
        ("max_step", "max_steps"),
        ("validation_every", "validate_every"),
    ],
)
def test_unknown_names(name: str, near: str) -> None:
    options: dict[str, Any] = {name: 1}
    with pytest.raises(ConfigError) as caught:
        linear().fit(rows(4), **options)
    message, advice = str(caught.value).split("\nTry: ")
    assert message == f"there is no training option {name!r}"
    assert advice.startswith(near if near.startswith("one of") else repr(near))
    last = "patience, schedule, swa, unfreeze_after, validate_every, warmup"
    assert advice.rstrip(")").endswith(last)


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"lr": 0.1}, "optimizer=SGD(lr=0.1)"),
        ({"weight_decay": 0.01, "optimizer": Adam()}, "optimizer=Adam(weight_decay=0.01)"),
        ({"lr": "0.1"}, "optimizer=SGD(lr=...)"),
        ({"learning_rate": 0.1}, "optimizer=SGD(lr=0.1)"),
        ({"momentum": 0.5, "optimizer": None}, "optimizer=SGD(momentum=0.5)"),
    ],
)
def test_options_of_the_optimizer(options: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        linear().fit(rows(4), **options)
    name = next(iter(options))
    assert str(caught.value) == f"there is no training option {name!r}\nTry: {advice}"


@pytest.mark.parametrize("optimizer", [3, Adam])
def test_what_is_no_optimizer_has_no_options(optimizer: Any) -> None:
    with pytest.raises(ConfigError, match="there is no training option 'lr'\nTry: one of acc"):
        linear().fit(rows(4), optimizer=optimizer, lr=0.1)


def test_whole_numbers_of_numpy_become_python_s() -> None:
    count: Any = numpy.int64(3)
    chosen = TrainingOptions(epochs=count, patience=count)
    assert (chosen.epochs, chosen.patience) == (3, 3)
    assert (type(chosen.epochs), type(chosen.patience)) == (int, int)


def test_none_is_the_default() -> None:
    given = dict.fromkeys(vars(TrainingOptions()))
    assert overridden(None, given) == TrainingOptions()


def test_options_are_handed_on_as_they_are() -> None:
    options = TrainingOptions(epochs=2, clip_norm=1.0, ema=0.5)
    assert overridden(options, {}) is not options == overridden(options, {})
    changed = overridden(options, {"epochs": None, "ema": None, "optimizer": "adam"})
    assert changed == TrainingOptions(epochs=2, clip_norm=1.0, optimizer=Adam())


@pytest.mark.parametrize("labels_too", [False, True])
def test_fit_takes_options_as_an_object(labels_too: bool) -> None:
    options = TrainingOptions(epochs=2, batch_size=2, optimizer=Adam())
    data = rows(4)
    by_name, as_object = linear(), linear()
    expected = by_name.fit(data, epochs=3, batch_size=2, optimizer="adam")["loss"]
    given: Any = (*data, options) if labels_too else (data, options)
    assert as_object.fit(*given, epochs=3)["loss"] == expected
    assert len(as_object.fit(data, training=options)) == 2


@pytest.mark.parametrize(
    "call", [linear().fit, partial(dry_run, linear()), partial(find_lr, linear())]
)
def test_options_of_another_kind(call: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        call(rows(4), training={"epochs": 3})
    text = "training is a dict, expected TrainingOptions"
    assert str(caught.value) == f"{text}\nTry: the options by name: fit(data, epochs=10)"


def test_what_comes_as_lists_and_numbers_is_kept_plain() -> None:
    given: dict[str, Any] = {"freeze": ["*.bias"], "augment": [], "layer_lr": {"a": 2}}
    chosen = TrainingOptions(**given, l1=1, ema=0)
    assert (chosen.freeze, chosen.augment) == (("*.bias",), ())
    assert [chosen.layer_lr["a"], chosen.l1, chosen.ema] == [2.0, 1.0, 0.0]
    assert {type(x) for x in (chosen.layer_lr["a"], chosen.l1, chosen.ema)} == {float}
