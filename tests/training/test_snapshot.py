"""What callbacks see of a run: the network's weights, the batch's place, the gradients' norms."""

from typing import Any

import numpy as np
import pytest

import xpcnn
from xpcnn.layers import Dense, Flatten
from xpcnn.optimizers import SGD
from xpcnn.training import Callback, Snapshot, notifier


class Album(Callback):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.places: list[tuple[int, int, int, int]] = []
        self.weights: list[np.ndarray] = []
        self.norms: list[dict[str, float]] = []

    def on_snapshot(self, snapshot: Snapshot) -> None:
        self.places.append((snapshot.epoch, snapshot.batch, snapshot.batches, snapshot.step))
        self.weights.append(np.array(snapshot.network.params["layers.1"]["weight"]))
        self.norms.append(snapshot.gradient_norms())


def trained(callback: Callback, **options: Any) -> xpcnn.Model:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 1, 2, 2)).astype(np.float32), rng.integers(0, 3, 10)
    dtype = options.pop("dtype", "float64")
    model = xpcnn.Model([Flatten(), Dense(3)], input_shape=(1, 2, 2), dtype=dtype)
    model.set_normalisation(0.0, 1.0)
    chosen: dict[str, Any] = {"epochs": 2, "batch_size": 4, "optimizer": SGD(0.5)} | options
    model.fit(x, y, callbacks=[callback], **chosen)
    return model


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """After every update, not twice a second."""
    monkeypatch.setattr(notifier, "LOOK_SECONDS", 0.0)


@pytest.mark.usefixtures("always")
def test_it_tells_the_place_of_the_batch() -> None:
    album = Album()
    trained(album)
    first = [(1, 1, 3, 1), (1, 2, 3, 2), (1, 3, 3, 3), (1, 3, 3, 3)]  # the end of the epoch again
    assert album.places == [*first, *((2, batch, 3, step + 3) for _, batch, _, step in first)]


@pytest.mark.usefixtures("always")
def test_the_network_has_the_weights_of_the_moment() -> None:
    album = Album()
    model = trained(album)
    np.testing.assert_array_equal(album.weights[-1], model.get_weights()["layers.1.weight"])
    assert len({w.tobytes() for w in album.weights}) == 6  # one for each update


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_goes_on_from_changed_weights(in_place: bool, dtype: str) -> None:
    class Cleared(Callback):
        def on_snapshot(self, snapshot: Snapshot) -> None:
            params = snapshot.network.params["layers.1"]
            seen.append(float(abs(params["weight"]).max()))
            if in_place:
                params["weight"][...] = 0.0
            else:
                params["weight"] = 0.0 * params["weight"]

    seen: list[float] = []
    trained(Cleared(), optimizer=SGD(1e-6), dtype=dtype)
    assert seen[0] > 0.1
    assert 0.0 < max(seen[1:]) < 1e-4


def test_norms_are_those_of_the_gradient_at_these_weights() -> None:
    """With one batch an epoch, the step of the next update is the rate times the gradient."""
    album = Album()
    trained(album, batch_size=10, epochs=2)
    moved = np.sqrt(((album.weights[2] - album.weights[0]) ** 2).sum())
    assert album.norms[0]["layers.1.weight"] == pytest.approx(moved / 0.5, rel=1e-9)
    assert {*album.norms[0]} == {"layers.1.weight", "layers.1.bias"}


def test_training_is_the_same_with_and_without(always: None) -> None:
    weights = trained(Album()).get_weights(), trained(Callback()).get_weights()
    assert all((weights[0][path] == weights[1][path]).all() for path in weights[0])
