"""Arguments of training that are no options: what is refused, in words, and leaves no trace."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.training.linear import linear, rows, weights
from xpcnn import Model
from xpcnn.diagnostics import dry_run, find_lr, overfit_one_batch
from xpcnn.errors import ConfigError, DataError, DataWarning
from xpcnn.training import Callback, Checkpoints, Epoch

DATA = rows(20)
CALLBACKS = "\nTry: callbacks=[MyCallback()], an object of your class MyCallback(Callback)"
CHECKPOINTS = '\nTry: checkpoints=Checkpoints("folder")'


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"callbacks": 3}, f"callbacks is a int, expected a list{CALLBACKS}"),
        ({"callbacks": Callback()}, f"callbacks is a Callback, expected a list{CALLBACKS}"),
        (
            {"callbacks": [3]},
            f"callbacks has a int in it, expected objects made from Callback{CALLBACKS}",
        ),
        (
            {"callbacks": [Callback]},
            f"callbacks has a class in it, expected objects made from Callback{CALLBACKS}",
        ),
        (
            {"callbacks": [print]},
            "callbacks has a builtin_function_or_method in it, expected objects made from Callback"
            f"{CALLBACKS}",
        ),
        (
            {"checkpoints": "folder"},
            f"checkpoints is a str, expected Checkpoints{CHECKPOINTS}",
        ),
        (
            {"resume": True},
            f"resume=True, and there are no checkpoints to resume from{CHECKPOINTS}",
        ),
        ({"resume": "yes"}, "resume must be True or False, got str\nTry: resume=True"),
        ({"health": "x"}, "health must be True or False, got str\nTry: health=True"),
    ],
)
def test_refusals(arguments: dict[str, Any], text: str) -> None:
    model = linear()
    before = [x.tobytes() for x in weights(model)]
    with pytest.raises(ConfigError) as caught:
        model.fit(DATA, **arguments)
    assert str(caught.value) == text
    assert [x.tobytes() for x in weights(model)] == before
    assert model.mean is None


@pytest.mark.parametrize("folder", [3, None])
def test_the_folder_of_checkpoints(folder: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Checkpoints(folder)
    assert str(caught.value) == (
        f"Checkpoints: folder is of type {type(folder).__name__}, expected a path\n"
        "Try: a text or a pathlib.Path"
    )


class Ended(Callback):
    def __init__(self) -> None:
        self.epochs = 0

    def on_epoch_end(self, record: Epoch) -> None:
        self.epochs += 1


def test_callbacks_of_a_generator_hear_of_every_moment() -> None:
    ended = Ended()
    linear().fit(DATA, epochs=2, callbacks=(callback for callback in [ended]))
    assert ended.epochs == 2


def test_no_callbacks() -> None:
    assert len(linear().fit(DATA, epochs=1, callbacks=None)) == 1


def fit(model: Model, data: Any, **arguments: Any) -> object:
    return model.fit(data, **arguments)


@pytest.mark.parametrize("call", [fit, dry_run])
@pytest.mark.parametrize(("wrong", "kind"), [(True, "bool"), ([0.1], "list")])
def test_validation_is_named(call: Callable[..., object], wrong: Any, kind: str) -> None:
    with pytest.raises(DataError) as caught:
        call(linear(), DATA, validation=wrong)
    assert str(caught.value) == (
        f"validation is a {kind}, expected data or a fraction\n"
        "Try: validation=0.1, a tenth of the training data"
    )


@pytest.mark.parametrize("call", [fit, dry_run, find_lr, overfit_one_batch])
def test_data_and_seeds(call: Callable[..., object]) -> None:
    with pytest.raises(DataError) as caught:
        call(linear(), 3)
    assert str(caught.value) == (
        "data is a int, expected a Dataset or (samples, labels)\nTry: (samples, labels), two arrays"
    )
    with pytest.raises(ConfigError) as refused:
        call(linear(), DATA, seed="x")
    assert str(refused.value) == "seed is 'x', expected a whole number\nTry: seed=0"


def test_a_fraction_that_no_sample_is_of_is_warned_of() -> None:
    with pytest.warns(
        DataWarning, match=r"^validation=0\.001 of 20 samples is none of them\nTry: v"
    ):
        history = linear().fit(DATA, epochs=1, validation=0.001)
    assert history["val_loss"] == [None]
    assert linear().fit(DATA, epochs=1, validation=0)["val_loss"] == [None]
