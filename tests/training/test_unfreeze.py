"""Layers that are frozen for some epochs, and trained with a tenth of the rate after them."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.test_divergence import Burst
from tests.training.test_step import digits
from xpcnn import Model
from xpcnn.errors import ConfigError, HealthWarning, XpcnnError
from xpcnn.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, ReLU
from xpcnn.optimizers import LAMB, SGD, Adam, NAdam, RAdam
from xpcnn.training import Checkpoints, TrainingOptions
from xpcnn.training.replay_file import replay
from xpcnn.training.saver import NOT_FINITE

OPTIONS = TrainingOptions(
    epochs=2,
    batch_size=10,
    optimizer=SGD(lr=0.05),
    freeze=("layers.0.*", "layers.1.*"),
    unfreeze_after=1,
)
BODY = ("layers.0.weight", "layers.1.gamma", "layers.1.mean", "layers.1.var")


def fresh(*more: Layer, dtype: str = "float32") -> Model:
    layers: list[Layer] = [Conv2D(4, 3, stride=2), BatchNorm(), ReLU(), Flatten(), *more, Dense(10)]
    return Model(layers, input_shape=(1, 8, 8), dtype=dtype)


def test_the_body_waits_and_then_learns_with_a_tenth_of_the_rate() -> None:
    first, both = fresh(), fresh()
    with pytest.warns(HealthWarning, match="nothing is unfrozen after epoch 1"):
        first.fit(digits(30), OPTIONS, epochs=1)
    history = both.fit(digits(30), OPTIONS)
    before, between, after = (m.get_weights() for m in (fresh(), first, both))
    for name in BODY:
        assert (between[name] == before[name]).all()
        assert (after[name] != before[name]).any()
    assert (between["layers.4.weight"] != before["layers.4.weight"]).any()
    assert history["lr"] == pytest.approx([0.05, 0.005])


@pytest.mark.parametrize("forward_pass", [2, 3, 4, 5])  # three of an epoch
def test_an_update_that_diverges_is_kept(forward_pass: int, tmp_path: Path) -> None:
    model = fresh(Burst((forward_pass,), a=3e38))
    saved = Checkpoints(tmp_path)
    with pytest.raises(XpcnnError, match=f"at update {forward_pass} "):
        model.fit(digits(30), OPTIONS, checkpoints=saved, optimizer=Adam())
    found = replay(tmp_path / NOT_FINITE, layers=[Burst])
    assert found is not None
    assert found.startswith("the output of layers.4 (Burst) is not finite")


def test_nothing_is_frozen() -> None:
    with pytest.raises(ConfigError, match=r"nothing is frozen until then\nTry: freeze="):
        fresh().fit(digits(30), OPTIONS, freeze=())


@pytest.mark.parametrize("optimizer", [Adam(), NAdam(), RAdam(), LAMB()])
def test_moving_averages_of_the_body_start_when_it_begins_to_learn(
    optimizer: Adam | NAdam | RAdam | LAMB,
) -> None:
    """Its first update is the one that a new run from the same weights would make."""
    options = TrainingOptions(
        epochs=4, batch_size=30, optimizer=optimizer, freeze=("layers.0.*",), unfreeze_after=3
    )
    first, both = fresh(dtype="float64"), fresh(dtype="float64")
    first.fit(digits(30), options, epochs=3, unfreeze_after=None)
    both.fit(digits(30), options)
    path = "layers.0.weight"
    before = first.get_weights()[path]
    slower = replace(optimizer, lr=0.1 * optimizer.lr)
    first.fit(digits(30), epochs=1, batch_size=30, optimizer=slower)
    step, expected = (m.get_weights()[path] - before for m in (both, first))
    assert step == pytest.approx(expected, rel=1e-9, abs=1e-15)
