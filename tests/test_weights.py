"""Scores, weights and normalisation set by hand."""

from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.lib import Lib
from xpcnn import Model
from xpcnn.errors import ConfigError, DataError, DTypeError, ShapeError
from xpcnn.layers import BatchNorm, Dense

X = numpy.asarray([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]], numpy.float32)
WEIGHT = numpy.asarray([[1.0, 0.0, -1.0], [2.0, 0.5, 0.0]])


def model(**options: Any) -> Model:
    return Model([Dense(3)], input_shape=(2,), **options)


def test_scores_of_weights_set_by_hand(lib: Lib) -> None:
    net = model(backend=lib.backend)
    net.set_weights({"layers.0.weight": WEIGHT, "layers.0.bias": lib.asarray([0.0, 1.0, 2.0])})
    net.set_normalisation(mean=1.0, std=(1.0, 2.0))
    # (x - 1) / (1, 2) = (0, 0.5), (2, -0.5), (-1, 0)
    expected = [[1.0, 1.25, 2.0], [1.0, 0.75, 0.0], [-1.0, 1.0, 3.0]]
    scores = net.predict_scores(X, batch_size=2)
    assert scores.tolist() == expected
    assert scores.dtype == numpy.float32
    p = numpy.exp(scores) / numpy.exp(scores).sum(axis=1, keepdims=True)
    numpy.testing.assert_allclose(net.predict_proba(X), p, rtol=1e-6)
    assert net.predict_scores(X[:0]).shape == (0, 3)


def test_they_are_kept(tmp_path: Path) -> None:
    net = model()
    net.set_normalisation(mean=0.0, std=2.0)
    net.fit(X, [0, 1, 2], epochs=1)
    assert (net.mean, net.std) == ((0.0, 0.0), (2.0, 2.0))
    net.set_weights({"layers.0.weight": WEIGHT})
    net.save(tmp_path / "m.safetensors")
    again = xpcnn.load(tmp_path / "m.safetensors")
    assert (again.mean, again.std) == (net.mean, net.std)
    assert again.get_weights()["layers.0.weight"].tolist() == WEIGHT.tolist()


def test_weights_are_copies_there_and_back() -> None:
    net = Model([Dense(3), BatchNorm()], input_shape=(2,))
    weights = net.get_weights()
    assert list(weights) == [
        *("layers.0.weight", "layers.0.bias", "layers.1.gamma", "layers.1.beta"),
        *("layers.1.mean", "layers.1.var"),
    ]
    before = net.predict_scores(X)
    weights["layers.0.weight"][...] = 7.0
    weights["layers.1.var"][...] = 4.0
    assert net.predict_scores(X).tolist() == before.tolist()
    net.set_weights(weights)
    weights["layers.0.weight"][...] = 0.0
    after = net.get_weights()
    assert after["layers.0.weight"].tolist() == [[7.0] * 3] * 2
    assert after["layers.1.var"].tolist() == [4.0] * 3


@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        ([WEIGHT], ConfigError, "weights are a list, expected arrays by path\nTry: model.set_"),
        (
            {"layers.0.wieght": WEIGHT},
            ConfigError,
            "there is no weight 'layers.0.wieght'\nTry: 'layers.0.weight' (valid: ",
        ),
        (
            {"layers.0.weight": WEIGHT.T},
            ShapeError,
            "layers.0.weight has shape (3, 2), expected (2, 3)\nTry: array.T: here weights of",
        ),
        (
            {"layers.0.bias": WEIGHT},
            ShapeError,
            "layers.0.bias has shape (2, 3), expected (3,)\nTry: an array of shape (3,)",
        ),
        ({"layers.0.bias": [1, 2, 3]}, DTypeError, "layers.0.bias is a list, expected"),
        ({"layers.0.bias": WEIGHT[0] > 0}, DTypeError, "layers.0.bias has dtype bool, expected"),
        (
            {"layers.0.bias": numpy.ma.masked_less(WEIGHT[0], 2)},
            DTypeError,
            "layers.0.bias: weights are a masked array, whose mask would be ignored",
        ),
        ({"layers.0.bias": WEIGHT[0] * 1e39}, DataError, "layers.0.bias holds NaN or infinity"),
    ],
)
def test_weights_that_are_rejected_change_nothing(
    weights: Any, error: type[Exception], text: str
) -> None:
    net = model()
    before = net.predict_scores(X).tolist()
    if isinstance(weights, dict):
        weights = {"layers.0.bias": numpy.ones(3)} | weights
    with pytest.raises(error) as caught:
        net.set_weights(weights)
    assert str(caught.value).startswith(text)
    assert net.predict_scores(X).tolist() == before


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [
        ((1.0,), 1.0, "mean has 1 number for 2 channels\nTry: mean=128.0, or one number for each"),
        (0.0, 0.0, "std must be a finite number > 0, got 0"),
        (numpy.nan, 1.0, "mean must be a finite number, got nan"),
        ("0", 1.0, "mean must be a finite number, got str"),
    ],
)
def test_normalisation_that_is_rejected(mean: Any, std: Any, text: str) -> None:
    net = model()
    with pytest.raises(ConfigError) as caught:
        net.set_normalisation(mean, std)
    assert str(caught.value).startswith(text)
    assert net.mean is None
