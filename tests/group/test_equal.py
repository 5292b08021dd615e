"""Processes that train together end with the weights of one process, and with the same bits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.group.members import Member, together
from xpcnn import Model
from xpcnn.config.training_options import TrainingOptions
from xpcnn.data import Dataset
from xpcnn.data.augment import Crop, CutMix, Flip, Mixup, Noise, RandAugment
from xpcnn.errors import ConfigError
from xpcnn.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Sequential
from xpcnn.losses import Focal, Huber, SoftmaxCrossEntropy
from xpcnn.models import preset
from xpcnn.optimizers import LAMB
from xpcnn.process_group import by_first, is_shared
from xpcnn.schedules import OneCycle
from xpcnn.tasks import BY_NAME
from xpcnn.training import Checkpoints
from xpcnn.types import TaskName, flatten

LAYERS = [
    *(Conv2D(4, 3, padding="same", bias=False), BatchNorm(), ReLU(), MaxPool2D(2)),
    *(Flatten(), Dense(8, bias=False), BatchNorm(), ReLU(), Dropout(0.3), Dense(3)),
]  # a bias before batch norm would be rounding errors alone

MIXING = [Flip(), Crop(1), Noise(0.1), Mixup(0.4), CutMix()]


def data(n: int, seed: int = 0) -> Dataset:
    draw = numpy.random.default_rng(seed)
    images = draw.integers(0, 256, (n, 2, 6, 6), dtype=numpy.uint8)
    return Dataset.from_arrays(images, draw.integers(0, 3, n), ["a", "b", "c"])


def first_and_last(probabilities: numpy.ndarray, labels: numpy.ndarray) -> float:
    """Depend on the order of the samples."""
    return float(probabilities[0, labels[0]] - 2.0 * probabilities[-1, labels[-1]])


def trained(
    group: Any, n: int = 41, loss: Any = None, layers: Any = LAYERS, **options: Any
) -> tuple[dict[str, Any], list[Any]]:
    """Return all arrays of a trained model by name, and the figures of every epoch."""
    model = Model(Sequential(layers), input_shape=(2, 6, 6), seed=1, dtype="float64", loss=loss)
    given = {"epochs": 2, "batch_size": 12} | options
    history = model.fit(data(n), validation=data(13, 1), seed=2, group=group, **given)
    arrays = flatten(model.params) | flatten(model.buffers, "buffers.")
    figures = [(e.loss, e.accuracy, e.val_loss, e.val_accuracy, e.step) for e in history]
    metrics = [v.metrics.get("first_and_last", 0.0) for v in history.validations]
    return arrays, [*sum(figures, ()), *metrics]


def assert_equal(found: list[Any], expected: Any) -> None:
    """Require the same bits of all, and the numbers of one process to 1e-12 of the largest."""
    arrays, figures = found[0]
    for other, _ in found[1:]:
        assert all(x.tobytes() == other[path].tobytes() for path, x in arrays.items())
    for path, x in expected[0].items():
        largest = numpy.abs(x).max()
        numpy.testing.assert_allclose(arrays[path], x, rtol=0, atol=1e-12 * largest, err_msg=path)
    numpy.testing.assert_allclose(figures, expected[1], rtol=1e-12)


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "short": {"n": 38},  # a last batch of two rows, which every process computes
    "mixing": {"augment": MIXING},
    "augment": {"augment": [Flip(), Crop(1), Noise(0.1)], "drop_last": True},
    "accumulate": {"accumulate": 3, "clip_norm": 0.5, "ema": 0.9, "l1": 1e-3},
    "swa": {"swa": 1, "optimizer": LAMB(0.01), "augment": [RandAugment()]},
    "patience": {"validate_every": 2, "patience": 1, "epochs": 5},
    "metrics": {"metrics": [first_and_last], "batch_size": 6},
    "weights": {"loss": SoftmaxCrossEntropy(class_weights=(3.0, 1.0, 0.5))},
    "ignored": {"loss": SoftmaxCrossEntropy(ignore_index=1), "batch_size": 7, "accumulate": 2},
}


@pytest.mark.parametrize("size", [2, 7])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_as_one_process(size: int, options: dict[str, Any]) -> None:
    found = together(size, lambda member: trained(member, **options))
    assert_equal(found, trained(None, **options))


def test_a_batch_that_the_loss_ignores_on_all_processes() -> None:
    options: dict[str, Any] = {"loss": SoftmaxCrossEntropy(ignore_index=1), "batch_size": 2}
    options |= {"layers": [Flatten(), Dense(3)], "epochs": 1}
    found = together(2, lambda member: trained(member, **options))
    assert_equal(found, trained(None, **options))


def targets(n: int, task: TaskName, seed: int = 0) -> Dataset:
    """Return labels 0 and 1, of which the last is rare, or numbers far from 0."""
    draw = numpy.random.default_rng(seed)
    images = draw.integers(0, 256, (n, 2, 6, 6), dtype=numpy.uint8)
    values = images.mean(axis=(2, 3)) @ draw.normal(size=(2, 3))  # (n, 3)
    if task == "multi-label":
        values = 1.0 * (values > numpy.quantile(values, (0.3, 0.5, 0.9), axis=0).diagonal())
    return Dataset.from_arrays(images, values, task=task)


@pytest.mark.parametrize(
    ("task", "loss", "options"),
    [
        ("multi-label", None, {"augment": [Mixup(0.4), CutMix()], "accumulate": 2}),
        ("multi-label", Focal(positive_weights="balanced"), {"augment": [Flip()], "patience": 1}),
        ("regression", None, {"augment": [Flip(), Noise(0.1)], "keep_best": True}),
        ("regression", Huber(), {"sample_weights": numpy.arange(41.0), "validate_every": 2}),
    ],
)
def test_targets_as_one_process(task: TaskName, loss: Any, options: dict[str, Any]) -> None:
    def trained(group: Any) -> tuple[dict[str, Any], list[Any]]:
        layers: Any = LAYERS
        net = Sequential(layers)
        model = Model(net, input_shape=(2, 6, 6), seed=1, dtype="float64", loss=loss, task=task)
        train, held_out = targets(41, task), targets(13, task, 1)
        given = {"epochs": 2, "batch_size": 12, "seed": 2} | options
        history = model.fit(train, validation=held_out, group=group, **given)
        arrays = flatten(model.params) | flatten(model.buffers, "buffers.")
        figures: list[list[Any]] = [[e.loss, e.val_loss, e.step] for e in history]
        figures += [list(v.metrics.values()) for v in history.validations]
        return arrays, [float(x) for row in figures for x in row]

    expected = trained(None)
    assert len(expected[1]) >= 2 * 3 + 2 * len(BY_NAME[task].figures)
    assert_equal(together(2, trained), expected)


def test_a_group_of_one_is_no_group() -> None:
    (found,) = together(1, trained)
    expected = trained(None)
    assert all(x.tobytes() == expected[0][path].tobytes() for path, x in found[0].items())
    assert found[1] == expected[1]


def test_float32_without_batch_norm() -> None:
    def weights(group: Any) -> dict[str, Any]:
        model = Model([Flatten(), Dense(8), ReLU(), Dense(3)], input_shape=(2, 6, 6), seed=1)
        model.fit(data(41), epochs=2, batch_size=12, group=group)
        return flatten(model.params)

    expected = weights(None)
    for path, x in together(3, weights)[0].items():
        numpy.testing.assert_allclose(x, expected[path], rtol=0, atol=1e-6)


def test_sums_of_an_update() -> None:
    def sums(member: Member) -> int:
        trained(member, epochs=1, n=24)
        return member.sums

    assert together(2, sums) == [2 * (1 + 3 * 2)] * 2  # two updates; two batch norms


def test_statistics_of_its_own_rows() -> None:
    found = together(3, lambda member: trained(member, n=36, batch_norm="local"))
    expected, _ = trained(None, n=36)
    assert any(not numpy.allclose(found[0][0][path], x) for path, x in expected.items())
    for path, x in found[0][0].items():
        assert x.tobytes() == found[1][0][path].tobytes() == found[2][0][path].tobytes()


@dataclass(frozen=True)
class InGroups:
    """What batch norm is in 4 processes, of which two share their statistics, in one process."""

    norm: BatchNorm

    def init(self, shape: Any, draw: Any) -> Any:
        return self.norm.init(shape, draw)

    def forward(self, params: Any, buffers: Any, x: Any, ctx: Any) -> Any:
        if not ctx.by_batch:
            return self.norm.forward(params, buffers, x, ctx)
        half = sum(len(part) for part in numpy.array_split(x, 4)[:2])
        parts = [x] if len(x) < 4 else [x[:half], x[half:]]
        ys, learnt, backs = zip(
            *(self.norm.forward(params, buffers, part, ctx) for part in parts), strict=True
        )

        def pullback(dy: Any, want_dx: bool = True) -> Any:
            dys = numpy.split(dy, [len(y) for y in ys[:-1]])
            dxs, grads = zip(*(back(d) for back, d in zip(backs, dys, strict=True)), strict=True)
            return numpy.concatenate(dxs), {k: sum(g[k] for g in grads) for k in grads[0]}

        mean = {k: sum(part[k] for part in learnt) / len(parts) for k in buffers}
        return numpy.concatenate(ys), mean, pullback


@pytest.mark.parametrize("n", [41, 38])  # last batches of 5 and 2 rows
def test_statistics_of_two_processes(n: int) -> None:
    layers = [InGroups(x) if isinstance(x, BatchNorm) else x for x in LAYERS]
    expected = trained(None, n=n, layers=layers)
    assert_equal(together(4, lambda m: trained(m, n=n, batch_norm="groups:2")), expected)
    if n == 38:  # all are one group
        assert_equal(together(2, lambda m: trained(m, batch_norm="groups:2")), trained(None))


def test_groups_divide_the_processes() -> None:
    with pytest.raises(ConfigError, match="makes groups of 2 processes, and there are 3"):
        together(3, lambda member: trained(member, batch_norm="groups:2"))
    with pytest.raises(ConfigError, match="there are 1\nTry: a multiple of 2"):
        trained(None, batch_norm="groups:2")
    for wrong in ("groups", "groups:0", "groups:x", "synch"):
        with pytest.raises(ConfigError, match=f"unknown batch_norm '{wrong}'\nTry: sync, local,"):
            TrainingOptions(batch_norm=wrong)


def test_local_statistics_need_two_rows() -> None:
    with pytest.raises(ConfigError, match="5 samples of a batch leave 1 for some of 3 processes"):
        together(3, lambda member: trained(member, n=41, batch_norm="local"))


def test_other_data_is_rejected() -> None:
    with pytest.raises(
        ConfigError, match="process 1 has other data, samples, mean, std than process 0"
    ):
        together(2, lambda member: trained(member, n=20 + member.rank))


def test_other_options_are_rejected() -> None:
    with pytest.raises(ConfigError, match="process 1 has other batch_size than process 0"):
        together(2, lambda member: trained(member, batch_size=8 + member.rank))


def test_the_first_process_gives_the_weights() -> None:
    def weights(member: Member) -> Any:
        model = Model([Flatten(), Dense(3)], input_shape=(2, 6, 6), seed=member.rank)
        model.fit(data(8), epochs=1, seed=0, group=member)
        return model.params["layers.1"]["weight"].tobytes()

    assert len(set(together(2, weights))) == 1


def test_the_error_of_the_first_is_the_error_of_all() -> None:
    def work(member: Member) -> str:
        try:
            by_first(member, lambda: 1 / 0)
        except ZeroDivisionError as error:
            return str(error)
        return "none"

    assert together(3, work) == ["division by zero"] * 3
    assert together(3, lambda member: by_first(member, lambda: member.rank + 5)) == [5, 5, 5]


def test_an_error_that_all_have_is_known_as_such(tmp_path: Path) -> None:
    """So that it is printed once."""
    run: dict[str, Any] = {"schedule": OneCycle(), "checkpoints": Checkpoints(tmp_path)}
    together(2, lambda member: trained(member, epochs=1, **run))

    def is_known(message: str, **options: Any) -> list[bool]:
        def work(member: Member) -> bool:
            with pytest.raises(ConfigError, match=message) as caught:
                trained(member, **options)
            return is_shared(caught.value)

        return together(2, work)

    assert is_known("OneCycle depends", resume=True, **run) == [True, True]
    assert is_known("no batch", batch_size=50, drop_last=True) == [True, True]


def trained_preset(group: Any, name: str) -> dict[str, Any]:
    """Return all arrays of a preset trained on ten images."""
    chosen = preset(name)
    draw = numpy.random.default_rng(0)
    images = draw.integers(0, 256, (10, *chosen.input_shape), dtype=numpy.uint8)
    given = Dataset.from_arrays(images, numpy.arange(10) % 10, [str(i) for i in range(10)])
    model = Model(chosen.layers, input_shape=given.shape, seed=1, dtype="float64")
    model.fit(given, epochs=1, batch_size=5, augment=[Flip(), Crop(2)], group=group)
    return flatten(model.params) | flatten(model.buffers, "buffers.")


@pytest.mark.parametrize("name", ["small", "large-bn", "resnet20"])
def test_presets(name: str) -> None:
    expected = trained_preset(None, name)
    without_effect = {  # biases before a batch norm, whose gradients are rounding errors
        path
        for path, x in expected.items()
        if path.endswith(".bias") and numpy.abs(x).max() < 1e-12
    }
    for path, x in together(3, lambda member: trained_preset(member, name))[0].items():
        atol = 1e-15 if path in without_effect else 1e-12 * numpy.abs(expected[path]).max()
        numpy.testing.assert_allclose(x, expected[path], rtol=0, atol=atol, err_msg=path)
