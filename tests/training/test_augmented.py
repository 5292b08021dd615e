"""Training with augmentation: what reaches the step, and that runs are alike on every library."""

from functools import cache
from typing import Any

import numpy
import pytest

import xpcnn
from tests.compare import assert_within
from tests.lib import Lib
from tests.rounding import exact
from tests.training.test_step import digits, network
from xpcnn import Model, backend, random
from xpcnn.config.training_options import TrainingOptions
from xpcnn.data import augment
from xpcnn.data.augment import AlternatingFlip, Brightness, Crop, Flip, Mixup, Noise
from xpcnn.errors import ConfigError, ShapeError
from xpcnn.layers import Dense, Flatten, Sequential
from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.optimizers import SGD
from xpcnn.training.step import training_step
from xpcnn.training.updates import Updates
from xpcnn.types import flatten

N, SIZE = 20, 8


class Spy:
    """Keeps the samples and labels that reach the training step, on the host."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[numpy.ndarray, numpy.ndarray]] = []
        monkeypatch.setattr("xpcnn.training.run.training_step", self)

    def __call__(self, *args: Any) -> Any:
        ((x, labels),) = args[2]
        self.seen.append((x.copy(), labels.copy()))
        return training_step(*args)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    return Spy(monkeypatch)


@pytest.mark.parametrize(("size", "together", "drop"), [(8, 1, False), (6, 2, False), (8, 2, True)])
def test_batches_made_in_steps_are_the_same(size: int, together: int, drop: bool) -> None:
    net, data = Model(network(), input_shape=(1, 8, 8), seed=3).network, digits(N)
    net.mean, net.std = data.mean, data.std
    options = TrainingOptions(
        batch_size=size,
        accumulate=together,
        drop_last=drop,
        augment=(Flip(), AlternatingFlip(), Crop(2), Noise(), Mixup()),
    )
    updates = Updates(net, net.samples(data.images, data.labels), options, seed=5)
    assert updates.can_be_made_in_steps
    for skip in range(0, updates.batches_per_epoch, together):
        made = list(updates.epoch(2, skip, []))
        others = list(updates.epoch(2, skip, [], in_step=True))
        assert len(made) == len(others) > 0
        for one, other in zip(made, others, strict=True):
            assert one[1:] == other[1:]
            for i, (batch, rows) in enumerate(zip(one.batches, other.batches, strict=True)):
                for x, y in zip(batch, updates.batch(rows, one.first_pass + i), strict=True):
                    numpy.testing.assert_array_equal(x, y)


def test_augmentations_of_ones_own_are_not_made_in_steps() -> None:
    class Own(Crop):
        pass

    net, data = Model(network(), input_shape=(1, 8, 8)).network, digits(N)
    net.mean, net.std = data.mean, data.std
    samples, options = net.samples(data.images, data.labels), TrainingOptions(augment=(Own(2),))
    assert not Updates(net, samples, options, seed=5).can_be_made_in_steps


def test_a_batch_is_that_of_its_samples_and_epoch(spy: Spy) -> None:
    data = digits(N)
    model = Model(network(), input_shape=(1, 8, 8), seed=3)
    model.fit(data, epochs=2, batch_size=SIZE, validation=data, augment=[Crop(2), Flip()])
    assert [len(x) for x, _ in spy.seen] == [8, 8, 4, 8, 8, 4]
    mean, std = data.mean[0], data.std[0]
    clean = (data.images.astype("f4") - numpy.float32(mean)) / numpy.float32(std)
    for epoch in (1, 2):
        order = random.permutation(3, N, epoch)
        draw = {
            name: random.uniform(random.key(3, f"augment/{name}"), epoch, (N, k))
            for name, k in (("crop/pad", 2), ("flip/horizontal", 1))
        }
        batches = spy.seen[3 * (epoch - 1) : 3 * epoch]
        for x, label, i in zip(
            numpy.concatenate([x for x, _ in batches]),
            numpy.concatenate([labels for _, labels in batches]),
            order,
            strict=True,
        ):
            top, left = numpy.floor(draw["crop/pad"][i] * 5).astype(int)
            padded = numpy.pad(clean[i], ((0, 0), (2, 2), (2, 2)))
            expected = padded[:, top : top + 8, left : left + 8]
            if draw["flip/horizontal"][i, 0] < 0.5:
                expected = expected[..., ::-1]
            numpy.testing.assert_array_equal(x, expected)
            assert label == data.labels[i]


def test_noise_goes_by_the_number_of_the_step(spy: Spy) -> None:
    data = digits(N)
    model = Model(network(), input_shape=(1, 8, 8))
    model.fit(data, epochs=2, batch_size=SIZE, augment=[])
    model.fit(data, epochs=2, batch_size=SIZE, augment=[Noise(0.5)])
    for i, ((plain, _), (x, _)) in enumerate(zip(spy.seen[:6], spy.seen[6:], strict=True)):
        u = random.uniform(random.key(0, "augment/noise/std"), i + 1, (*x.shape, 2))
        assert_within(x, Noise(0.5).apply(exact(plain), exact(u)))


def test_only_training_samples_are_augmented() -> None:
    data = digits(N)
    model = Model(network(), input_shape=(1, 8, 8))
    history = model.fit(data, epochs=1, validation=data, augment=[Brightness(50)])
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(data)["loss"], rel=1e-6)


def every() -> list[augment.Augmentation]:
    return [augment.make(name) for name in augment.BY_NAME]


def run(library: backend.Backend) -> xpcnn.training.History:
    model = Model(network(), input_shape=(1, 8, 8), backend=library, dtype="float64")
    return model.fit(
        digits(40), epochs=3, batch_size=16, validation=digits(12), augment=every(), clip_norm=1.0
    )


@cache
def numpy_run() -> xpcnn.training.History:
    return run(backend.load("numpy"))


def test_the_same_run_on_every_library(lib: Lib) -> None:
    """Noise is single precision, and rounded by each library's logarithm and cosine."""
    history, expected = run(lib.backend), numpy_run()
    for figure in ("loss", "val_loss"):
        numpy.testing.assert_allclose(history[figure], expected[figure], rtol=1e-9)
    assert history["accuracy"] == expected["accuracy"]


def test_same_seed_same_bits() -> None:
    def weights(seed: int) -> list[bytes]:
        model = Model(network(), input_shape=(1, 8, 8))
        model.fit(digits(40), epochs=2, batch_size=16, augment=every(), seed=seed)
        return [x.tobytes() for x in flatten(model.params).values()]

    assert weights(1) == weights(1) != weights(2)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), BCEWithLogits(), MSE()])
def test_every_loss_takes_mixed_labels(spy: Spy, loss: Loss) -> None:
    model = Model([Flatten(), Dense(10)], input_shape=(1, 8, 8), loss=loss)
    history = model.fit(digits(400), epochs=15, augment=[Mixup(0.2)])
    _, labels = spy.seen[-1]
    assert labels.dtype == numpy.float32
    assert labels.shape == (16, 10)
    assert history["accuracy"][-1] > 0.6
    assert model.evaluate(digits(400))["accuracy"] > 0.9


@pytest.mark.parametrize("loss", [BCEWithLogits(), MSE()])
def test_mixed_labels_of_one_output(spy: Spy, loss: Loss) -> None:
    data = digits(400).select(classes=[0, 1])
    model = Model(Sequential([Flatten(), Dense(1)]), input_shape=(1, 8, 8), loss=loss)
    history = model.fit(data, epochs=30, augment=[Mixup(0.2)], optimizer=SGD(0.01))
    assert spy.seen[-1][1].shape == (len(data) % 64, 1)
    assert history["accuracy"][-1] > 0.8
    assert model.evaluate(data)["accuracy"] > 0.9


def test_what_is_refused_changes_nothing() -> None:
    data = (numpy.eye(4, dtype="f4"), numpy.arange(4))
    model = Model([Dense(4)], input_shape=(4,))
    with pytest.raises(ShapeError, match="augment: samples have shape"):
        model.fit(data, augment=[Flip()])
    with pytest.raises(ConfigError, match="augment is a Flip, expected a list"):
        model.fit(data, augment=Flip())
    assert (model.mean, model.classes) == (None, None)
    model.fit(data, epochs=1, augment=[])
