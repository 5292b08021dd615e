"""A `fit` that ends by an error, an interrupt or divergence: what is told, the model after it."""

import numpy
import pytest

from tests.small_model import Parts, fresh, weights
from xpcnn import Model
from xpcnn.errors import (
    XpcnnError,
)
from xpcnn.layers import (
    Dense,
    ReLU,
)
from xpcnn.optimizers import SGD
from xpcnn.training import Callback


class Boom(Callback):
    def __init__(self, error: BaseException, step: int) -> None:
        self.error, self.step = error, step

    def on_step(self, step: int) -> None:
        if step == self.step:
            raise self.error


def test_a_fit_that_fails_changes_nothing(
    parts: Parts,
) -> None:
    model = fresh()
    before = weights(model)
    with pytest.raises(ZeroDivisionError):
        model.fit(parts[0], epochs=2, callbacks=[Boom(ZeroDivisionError(), 30)])
    assert weights(model) == before
    assert (model.mean, model.std, model.classes) == (None, None, None)


def test_an_interrupt_keeps_the_last_step(
    parts: Parts,
) -> None:
    model, same = fresh(), fresh()
    with pytest.raises(KeyboardInterrupt):
        model.fit(parts[0], epochs=9, callbacks=[Boom(KeyboardInterrupt(), 23)])
    same.fit(parts[0], epochs=1)  # 23 batches of 64
    assert weights(model) == weights(same)


def test_divergence_is_said(parts: Parts) -> None:
    model = fresh()
    before = weights(model)
    with pytest.raises(XpcnnError) as error:
        model.fit(parts[0], epochs=5, optimizer=SGD(1e6))
    assert str(error.value) == (
        "training diverged: the output of layers.4 (Dense) is not finite (640 of 640 values), "
        "at update 5 (epoch 1)\n"
        "Try: a smaller learning rate than 1e+06, or clip_norm=1.0"
    )
    assert weights(model) == before


def test_the_advice_has_the_rate_of_the_update_that_failed() -> None:
    """The second of four: the first has the rate 0, and the others are not looked at."""
    model = Model([Dense(4), ReLU(), Dense(2)], input_shape=(3,))
    x = numpy.random.default_rng(0).normal(size=(8, 3)).astype(numpy.float32)
    with pytest.raises(XpcnnError, match=r"at update 2 .*\nTry: a smaller learning rate than 5e"):
        model.fit(
            (x, numpy.arange(8) % 2),
            epochs=1,
            batch_size=2,
            optimizer=SGD(1e39),
            schedule=lambda step, _: [0.0, 0.5, 0.25, 0.125][step],
        )


def test_a_last_step_that_diverges_is_said() -> None:
    """The loss of a step is that of the parameters before it, so the last one shows in no loss."""
    model = Model([Dense(4), ReLU(), Dense(2)], input_shape=(3,))
    x = numpy.random.default_rng(0).normal(size=(8, 3)).astype(numpy.float32)
    with pytest.raises(XpcnnError) as error:
        model.fit((x, numpy.arange(8) % 2), epochs=1, batch_size=8, optimizer=SGD(1e39))
    assert str(error.value) == (
        "training diverged: the weight layers.0.weight is not finite (12 of 12 values), at update "
        "1 (epoch 1)\nTry: a smaller learning rate than 1e+39, or clip_norm=1.0"
    )
