"""What a model answers inside a callback: until `fit` ends, it keeps its earlier weights."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import xpcnn
from xpcnn.errors import ConfigError
from xpcnn.layers import Dense, Flatten
from xpcnn.training import Callback, Epoch, History, Snapshot, evaluate

X = np.arange(40.0, dtype=np.float32).reshape(10, 1, 2, 2)
Y = np.arange(10) % 2

USES: dict[str, Callable[[xpcnn.Model, Path], object]] = {
    "evaluate": lambda model, path: model.evaluate(X, Y),
    "predict": lambda model, path: model.predict(X),
    "predict_proba": lambda model, path: model.predict_proba(X),
    "get_weights": lambda model, path: model.get_weights(),
    "set_weights": lambda model, path: model.set_weights({"layers.1.bias": np.zeros(2)}),
    "fit": lambda model, path: model.fit(X, Y, epochs=1),
    "save": lambda model, path: model.save(path / "model.safetensors"),
    "to": lambda model, path: model.to("numpy"),
    "copy": lambda model, path: copy.copy(model),
    "deepcopy": lambda model, path: copy.deepcopy(model),
    "pickle": lambda model, path: pickle.dumps(model),
}


def model() -> xpcnn.Model:
    return xpcnn.Model([Flatten(), Dense(2)], input_shape=(1, 2, 2))


@pytest.mark.parametrize("name", USES)
def test_a_callback_that_uses_it_is_told_where_the_weights_are(name: str, tmp_path: Path) -> None:
    class Uses(Callback):
        def on_epoch_end(self, record: Epoch) -> None:
            USES[name](trained, tmp_path)

    trained = model()
    with pytest.raises(ConfigError, match=r"is being trained: .* earlier weights\nTry: .*on_sna"):
        trained.fit(X, Y, epochs=2, callbacks=[Uses()])
    USES[name](trained, tmp_path)  # after the error as before the training


def test_at_its_end_a_callback_may_use_it() -> None:
    class Uses(Callback):
        def on_end(self, history: History) -> None:
            found.append(trained.get_weights()["layers.1.weight"])

    found: list[np.ndarray] = []
    trained = model()
    trained.fit(X, Y, epochs=1, callbacks=[Uses()])
    np.testing.assert_array_equal(found[0], trained.get_weights()["layers.1.weight"])


def test_a_snapshot_can_be_evaluated() -> None:
    class Tests(Callback):
        def on_snapshot(self, snapshot: Snapshot) -> None:
            network = snapshot.network
            self.found = evaluate(network, network.samples(X, Y))

    callback, trained = Tests(), model()
    trained.fit(X, Y, epochs=2, callbacks=[callback])
    assert callback.found == trained.evaluate(X, Y)
