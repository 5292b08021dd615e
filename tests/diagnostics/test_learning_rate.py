"""The learning-rate finder: where the answer is known, and where it must serve."""

from typing import Any

import numpy
import pytest

from tests.lib import Lib
from tests.small_model import Parts, fresh, weights
from xpcnn import Model
from xpcnn.diagnostics import LrSearch, find_lr
from xpcnn.diagnostics.learning_rate import suggest
from xpcnn.errors import ConfigError
from xpcnn.initializers import Zeros
from xpcnn.layers import Dense
from xpcnn.losses import MSE
from xpcnn.optimizers import SGD, Adam

RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@pytest.mark.parametrize(
    ("losses", "rate"),
    [
        ((5.0, 4.0, 1.0, 0.5, 0.4), 1e-2),  # falls steepest there
        ((5.0, 4.9, 4.5, 1.0, 3.0), 1e-2),  # a tenth of 1e-1
        ((5.0, 1.0, 2.0, 3.0, 4.0), 1e-4),  # a tenth of 1e-3
        ((5.0, 5.1, 4.96, 6.0, 7.0), None),  # noise
        ((5.0, 5.1, 5.2), None),
        ((), None),
    ],
)
def test_the_smaller_of_two_rules(losses: tuple[float, ...], rate: float | None) -> None:
    assert suggest(RATES[: len(losses)], losses) == (rate and pytest.approx(rate))


@pytest.mark.parametrize("seed", range(6))
def test_the_noise_of_batches_is_no_fall(seed: int) -> None:
    """The loss is about 3 with noise until the rate is 0.01, and falls to 0.5 at 1."""
    rates = numpy.geomspace(1e-7, 10.0, 100)
    fall = numpy.clip(1.25 * (2 + numpy.log10(rates)), 0.0, 2.5)
    noisy = 3.0 - fall + numpy.random.default_rng(seed).normal(0.0, 0.3, 100)
    mean, losses = 0.0, []
    for i, loss in enumerate(noisy, 1):
        mean = 0.9 * mean + 0.1 * loss
        losses.append(mean / (1.0 - 0.9**i))
    rate = suggest(rates.tolist(), losses)
    assert rate is not None
    assert 0.01 < rate < 1.0


def test_the_plot() -> None:
    search = LrSearch(RATES, (4.0, 4.0, 1.0, 0.0, 2.0))
    title, *lines = str(search).splitlines()
    assert title == "loss by learning rate, ^ the suggestion"
    assert lines[0] == "       4 | **"
    assert lines[6] == "         |     *"
    assert lines[8] == "         |   *"
    assert lines[11] == "       0 |    *"
    assert lines[12] == "         +---^--"
    assert lines[13].split() == ["0.0001", "1"]
    assert lines[14:] == ["suggestion: 0.01"]
    assert search._repr_html_() == f'<pre style="white-space:pre-wrap">{search}</pre>'  # notebooks
    assert str(LrSearch((), ())).splitlines()[-1] == "no learning rate made the loss fall"


def quadratic(library: Any, scale: float) -> LrSearch:
    """Search on w²s² - ws + 1/2, for which gradient descent diverges at rates above 1/s².

    That is (ws - 1)² for one half of the samples and (ws)² for the other, whose sign is changed.
    """
    model = Model(
        [Dense(1, bias=False, weight_init=Zeros())],
        input_shape=(1,),
        loss=MSE(),
        backend=library,
        dtype="float64",
    )
    model.mean, model.std = (0.0,), (1.0,)
    labels = numpy.arange(8) % 2
    x = numpy.where(labels == 1, scale, -scale)[:, None].astype("f4")
    lowest, highest = 1e-5 / scale**2, 10.0 / scale**2
    return find_lr(
        model,
        (x, labels),
        updates=60,
        lowest=lowest,
        highest=highest,
        optimizer=SGD(1.0),
        batch_size=8,
    )


def test_the_answer_is_known_on_a_quadratic(lib: Lib) -> None:
    search = quadratic(lib.backend, 1.0)
    assert search.suggestion is not None
    assert 0.01 < search.suggestion < 0.2  # 0.5 is the best rate, and at 1 it diverges
    assert search.losses[0] == 0.5
    assert 0.25 < min(search.losses) < 0.3  # smoothed, it comes late
    assert 1.0 < search.rates[-1] < 10.0  # stopped where it had diverged


def test_a_parabola_16_times_as_narrow_wants_a_rate_256_times_as_small() -> None:
    search, scaled = quadratic("numpy", 1.0), quadratic("numpy", 16.0)
    assert search.suggestion is not None
    assert scaled.suggestion == pytest.approx(search.suggestion / 256)
    assert scaled.losses == pytest.approx(search.losses)


@pytest.mark.parametrize("optimizer", [SGD(1.0, momentum=0.9), Adam(1.0)])
def test_the_suggestion_trains_digits_well(optimizer: Any, parts: Parts) -> None:
    train, test = parts
    model = fresh()
    before = weights(model)
    search = find_lr(model, train, optimizer=optimizer)
    assert (weights(model), model.mean, model.classes) == (before, None, None)
    assert search.suggestion is not None
    chosen = type(optimizer)(**{**vars(optimizer), "lr": search.suggestion})
    history = model.fit(train, epochs=5, validation=test, optimizer=chosen)
    assert history["val_accuracy"][-1] > 0.96


def test_a_search_takes_more_than_one_epoch_and_says_where_nothing_falls(parts: Parts) -> None:
    few = parts[0].subset(numpy.arange(40))
    search = find_lr(fresh(), few, updates=7, lowest=1e-12, highest=1e-9, batch_size=20)
    assert len(search.rates) == 7
    assert search.rates[3] / search.rates[2] == pytest.approx(10**0.5)
    assert search.suggestion is None


def test_errors(parts: Parts) -> None:
    with pytest.raises(ConfigError, match=r"rates from 1 to 0\.1, expected two above 0 that rise"):
        find_lr(fresh(), parts[0], lowest=1.0, highest=0.1)
    with pytest.raises(ConfigError, match="updates is 0, expected a whole number of at least 1"):
        find_lr(fresh(), parts[0], updates=0)
    with pytest.raises(ConfigError, match="there is no training option 'batchsize'"):
        find_lr(fresh(), parts[0], batchsize=2)
