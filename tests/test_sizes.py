"""Networks whose parameters memory does not hold are rejected before any is drawn."""

from typing import Any

import pytest

import xpcnn
from xpcnn import sizes
from xpcnn.errors import ConfigError
from xpcnn.layers import Dense, Flatten, Layer


def test_parameters_that_memory_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "host_memory", lambda: 25 * 10**9)

    def drawn(*_: Any) -> None:
        raise AssertionError("drawn before the check")

    monkeypatch.setattr("xpcnn.initializers.HeNormal.__call__", drawn)
    layers: list[Layer] = [Flatten(), Dense(30_000_000), Dense(10)]
    with pytest.raises(ConfigError) as caught:
        xpcnn.Model(layers, input_shape=(1, 28, 28))
    assert str(caught.value) == (
        "the network has 23,850,000,010 parameters (layers.1.weight has 23,520,000,000 of them, "
        "shape (784, 30000000)): to draw them takes 284 GB of memory, and there are 25 GB\n"
        "Try: fewer units or filters, smaller samples, or pooling before the first dense layer"
    )


def test_parameters_that_just_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = 4 * (24 + 3) + 8 * 24  # weights of 8 x 3 and three biases; the weights as float64
    monkeypatch.setattr(sizes, "host_memory", lambda: needed)
    sizes.check_weights_fit(Dense(3), (8,))
    monkeypatch.setattr(sizes, "host_memory", lambda: needed - 1)
    with pytest.raises(ConfigError, match="the network has 27 parameters"):
        sizes.check_weights_fit(Dense(3), (8,))
    monkeypatch.setattr(sizes, "host_memory", lambda: None)  # Windows does not tell
    sizes.check_weights_fit(Dense(3), (8,))
    monkeypatch.setattr(sizes, "host_memory", lambda: 0)
    sizes.check_weights_fit(Flatten(), (8,))
