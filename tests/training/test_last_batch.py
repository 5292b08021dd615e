"""Batches of one sample under batch norm are rejected before the first step; drop_last."""

from typing import Any

import numpy
import pytest

from tests.training.linear import batches, close, gradients, linear, rows, weights
from xpcnn import Model
from xpcnn.diagnostics import dry_run, find_lr
from xpcnn.errors import ConfigError
from xpcnn.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, Residual, Sequential
from xpcnn.optimizers import SGD
from xpcnn.training import Callback
from xpcnn.training.last_batch import one_value

ROWS: list[Layer] = [Dense(5), BatchNorm(), Dense(3)]


class Count(Callback):
    steps = 0

    def on_step(self, step: int) -> None:
        self.steps += 1


def model() -> Model:
    return Model(ROWS, input_shape=(4,))


@pytest.mark.parametrize(
    ("samples", "options", "text"),
    [
        (
            33,
            {"batch_size": 16},
            "the last batch of an epoch has 1 sample (33 in batches of 16), and layers.1 "
            "(BatchNorm) needs 2 or more for the variance of its features\n"
            "Try: batch_size=17, or drop_last=True (--drop-last)",
        ),
        (9, {"batch_size": 4}, "(9 in batches of 4), "),
        (9, {"batch_size": 1}, "batch_size is 1, and layers.1 (BatchNorm) needs"),
        (1, {"batch_size": 4}, "there is 1 sample to train on, and layers.1"),
        (33, {"batch_size": 16, "freeze": ["layers.1.gamma"]}, "(33 in batches of 16), "),
    ],
)
def test_a_batch_of_one_is_rejected_before_the_first_step(
    samples: int, options: dict[str, Any], text: str
) -> None:
    count, data = Count(), rows(samples)
    for call in (
        lambda: model().fit(data, epochs=2, callbacks=[count], **options),
        lambda: dry_run(model(), data, **options),
        lambda: find_lr(model(), data, **options),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert text in str(caught.value)
    assert count.steps == 0


def test_the_size_that_is_advised_trains() -> None:
    model().fit(rows(33), epochs=1, batch_size=17)


@pytest.mark.parametrize("more", [{"drop_last": True}, {"freeze": ["layers.1.*"]}])
def test_what_makes_a_batch_of_one_possible(more: dict[str, Any]) -> None:
    model().fit(rows(33), epochs=1, batch_size=16, **more)


def test_which_batch_norms_have_one_value_per_channel() -> None:
    layers = Sequential(
        [
            Residual(Sequential([Conv2D(2, 3, padding="same"), BatchNorm()])),
            Conv2D(3, 6),
            BatchNorm(),
            Flatten(),
            Residual(BatchNorm()),
        ]
    )
    assert one_value(layers, (2, 6, 6)) == ["layers.2", "layers.4.body"]


def test_drop_last_by_hand() -> None:
    """20 samples in batches of 8: the last 4 of each epoch's order take no part."""
    data, net = rows(20), linear()
    p = weights(net)
    history = net.fit(
        data, epochs=3, batch_size=8, optimizer=SGD(0.5), drop_last=True, accumulate=2
    )
    assert history["step"] == [1, 2, 3]
    whole = [batch for batch in batches(net, data, 3, 8) if len(batch[1]) == 8]
    assert len(whole) == 6
    for first, second in zip(whole[::2], whole[1::2], strict=True):
        ways = zip(gradients(p, *first), gradients(p, *second), strict=True)
        p = [p_i - 0.5 * (g + h) / 2 for p_i, (g, h) in zip(p, ways, strict=True)]
    assert close(weights(net), p)


def test_the_loss_is_a_mean_over_the_samples_seen() -> None:
    data = rows(20)
    seen = linear().fit(data, epochs=1, batch_size=20, optimizer=SGD(0.0))["loss"][0]
    part = linear().fit(data, epochs=1, batch_size=16, optimizer=SGD(0.0), drop_last=True)
    assert part["loss"][0] == pytest.approx(seen, rel=0.2)
    assert part["loss"][0] != seen


def test_drop_last_may_not_leave_nothing() -> None:
    with pytest.raises(ConfigError) as caught:
        linear().fit(rows(20), batch_size=21, drop_last=True)
    assert str(caught.value) == (
        "drop_last leaves no batch: 20 samples in batches of 21\nTry: batch_size=20, or "
        "drop_last=False"
    )


def test_one_image_is_enough_for_batch_norm_of_images() -> None:
    images = numpy.zeros((9, 1, 4, 4), numpy.uint8)
    net = Model([Conv2D(2, 3), BatchNorm(), Flatten(), Dense(2)], input_shape=(1, 4, 4))
    net.fit((images, [0, 1, 0, 1, 0, 1, 0, 1, 0]), epochs=1, batch_size=4)
