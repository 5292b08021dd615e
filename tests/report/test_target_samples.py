"""Which samples of labels and numbers a report looks at, and which score it follows back."""

import numpy
import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from xpcnn import Model
from xpcnn.data import Dataset
from xpcnn.layers import Conv2D, Dense, Flatten
from xpcnn.report.layer_passes import trace
from xpcnn.report.target_samples import ShownSample, chosen, errors_of, listed, samples_of_targets


def test_labels_that_are_surest_and_most_wrong() -> None:
    """Surest of a is row 1, of b row 3; most wrong are b of row 3 and a of row 0."""
    p = numpy.array([[0.2, 0.1], [0.9, 0.4], [0.6, 0.5], [0.1, 0.8]])
    there = numpy.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    errors = errors_of(p, there, True)
    assert chosen(p, errors, True) == [ShownSample(1, 0), ShownSample(3, 1), ShownSample(0, 0)]


def test_numbers_at_the_ends_and_most_wrong() -> None:
    """In units of their deviations, 1 and 100, an error of 2 is more than one of 100."""
    targets = numpy.array([[0.0, 0.0], [0.0, 0.0], [2.0, 200.0], [2.0, 200.0]])
    found = targets + numpy.array([[0.0, 100.0], [2.0, 0.0], [0.1, 0.0], [0.5, 0.0]])
    errors = errors_of(found, targets, False)
    assert errors[:, 1].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert chosen(found, errors, False) == [ShownSample(0, 1), ShownSample(3, 0), ShownSample(1, 0)]


def test_errors_of_equal_targets_whose_mean_is_rounded() -> None:
    targets = numpy.full((7, 1), 0.1)  # the mean is 0.09999999999999999
    assert errors_of(targets + 0.5, targets, False).max() == pytest.approx(0.5)


def test_prices_are_written_without_exponents() -> None:
    assert listed(["price", "rooms"], numpy.array([48201.5, 3.25]), False) == (
        "price 48201.5, rooms 3.25"
    )


@pytest.mark.parametrize("task", ["multi-label", "regression"])
def test_what_is_said_of_samples(task: str) -> None:
    draw = numpy.random.default_rng(0)
    images = draw.uniform(0, 1, (9, 1, 6, 6)).astype("f4")
    targets = (images.mean(axis=(2, 3)) > 0.5) * numpy.array([1.0, 0.0])
    data = Dataset.from_arrays(images, targets, ["up", "down"], task=task)  # type: ignore[arg-type]
    model = Model([Conv2D(2, 3), Flatten(), Dense(2)], input_shape=(1, 6, 6), task=task)
    model.fit(data, epochs=1)
    (first, second) = samples_of_targets(model, data, [4, 2])
    assert (first["row"], second["row"]) == (4, 2)
    assert first["cam"] is not None
    word = "probability of " if task == "multi-label" else f"{first['followed']} off by "
    assert first["figure"].startswith(word)
    assert (first["is_right"] is None) is (task == "regression")
    assert len(samples_of_targets(model, data, [])) in (3, 4)


def test_one_number_is_followed_upwards() -> None:
    """The gradient is that of the number, and not of its negative."""
    model = Model([Flatten(), Dense(1)], input_shape=(1, 2, 2), task="regression")
    model.set_weights({"layers.1.weight": numpy.arange(1.0, 5.0)[:, None]})
    images = numpy.random.default_rng(0).uniform(0, 1, (3, 1, 2, 2)).astype("f4")
    assert (trace(model.network, images, numpy.ones(3, int)).dx > 0).all()
