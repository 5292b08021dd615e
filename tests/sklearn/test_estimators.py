"""The estimators in scikit-learn's hands: its own checks, searches, pipelines, clones, pickles."""

import pickle
import warnings
from typing import Any

import numpy
import pytest

import xpcnn
from tests.lib import Host
from tests.sklearn.small_data import curve, digits
from xpcnn.layers import Dense, Flatten, Layer, ReLU
from xpcnn.optimizers import SGD

pytest.importorskip("sklearn", reason="sklearn: not installed (pip install 'xpcnn[sklearn]')")

from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from xpcnn.sklearn import CNNClassifier, CNNRegressor


@pytest.mark.parametrize("kind", [CNNClassifier, CNNRegressor], ids=["labels", "numbers"])
def test_the_checks_of_scikit_learn(kind: Any) -> None:
    """Few of them look at what is learned: 10 epochs are enough, instead of 50."""
    estimator = kind(epochs=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    failed = [(r["check_name"], r["exception"]) for r in results if r["status"] == "failed"]
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 50


def test_equal_targets_whose_mean_is_rounded_have_a_deviation_of_1() -> None:
    x, y = numpy.ones((7, 2)), numpy.full(7, 0.1)  # the mean is 0.09999999999999999
    for weights in (None, numpy.ones(7)):
        fitted = CNNRegressor([Dense(1)], epochs=1).fit(x, y, sample_weight=weights)
        assert fitted.target_std_.tolist() == [1.0]


@pytest.mark.parametrize("n", [3, 5])
def test_a_feature_that_is_constant_has_the_deviation_of_1(n: int) -> None:
    """Its values are 0.1, of which the mean of 3 and the weighted one of 5 are rounded."""
    x = numpy.stack([numpy.full(n, 0.1), numpy.arange(n)], axis=1)
    for weights in (None, numpy.ones(n)):
        fitted = CNNRegressor([Dense(1)], epochs=1).fit(x, x[:, 1], sample_weight=weights)
        assert fitted.model_.std == pytest.approx((1.0, x[:, 1].std()))
    x[-1, 0] = 7.0  # of a sample that takes no part
    last_0 = numpy.arange(n)[::-1]
    fitted = CNNRegressor([Dense(1)], epochs=1).fit(x, x[:, 1], sample_weight=last_0)
    assert fitted.model_.std is not None
    assert fitted.model_.std[0] == 1.0


def test_rows_and_images_are_the_same_samples() -> None:
    x, labels = digits(200)
    of_rows = CNNClassifier(image_shape=(1, 8, 8), epochs=2).fit(x, labels)
    of_images = CNNClassifier(epochs=2).fit(x.reshape(-1, 1, 8, 8), labels)
    assert numpy.array_equal(
        of_rows.predict_proba(x), of_images.predict_proba(x[:, None].reshape(-1, 1, 8, 8))
    )
    assert of_rows.n_features_in_ == 64
    assert of_images.model_.input_shape == (1, 8, 8)


def test_as_model_fit() -> None:
    """Without weights, an estimator is `Model.fit`: the same bits."""
    x, labels = digits(200)
    images = x.reshape(-1, 1, 8, 8)
    layers: list[Layer] = [Flatten(), Dense(16), ReLU(), Dense(10)]
    estimator = CNNClassifier(layers, epochs=2, batch_size=32, optimizer=SGD(0.1), random_state=3)
    estimator.fit(images, labels)
    model = xpcnn.Model(layers, input_shape=(1, 8, 8), seed=3)
    history = model.fit(
        images,
        numpy.unique(labels, return_inverse=True)[1],
        epochs=2,
        batch_size=32,
        optimizer=SGD(0.1),
    )
    assert estimator.history_["loss"] == history["loss"]
    assert numpy.array_equal(estimator.predict_proba(images), model.predict_proba(images))
    assert estimator.model_.classes == tuple(numpy.unique(labels))


def test_uint8_float32_and_float64_are_the_same_samples() -> None:
    x, labels = digits(100)
    found = [
        CNNClassifier(image_shape=(8, 8), epochs=1)
        .fit(x.astype(t), labels)
        .predict_proba(x.astype(t))
        for t in ("uint8", "float32", "float64", "int64")
    ]
    assert all(numpy.array_equal(p, found[0]) for p in found)


def test_in_a_pipeline_cloned_and_pickled() -> None:
    x, labels = digits(200)
    scaled = make_pipeline(StandardScaler(), CNNClassifier([Dense(10)], epochs=2)).fit(x, labels)
    again = pickle.loads(pickle.dumps(scaled))
    assert numpy.array_equal(again.predict_proba(x), scaled.predict_proba(x))
    fresh = clone(scaled[-1])
    assert not hasattr(fresh, "model_")
    assert fresh.get_params()["epochs"] == 2


def test_partial_fit_goes_on_and_learns() -> None:
    x, labels = digits(400)
    classes = numpy.unique(labels)
    estimator = CNNClassifier(image_shape=(8, 8), lr=0.05)
    scores = []
    for _ in range(4):
        for part in (slice(0, 200), slice(200, 400)):
            estimator.partial_fit(x[part], labels[part], classes=classes)
        scores.append(estimator.score(x, labels))
    assert scores[-1] > max(scores[0], 0.8)


def test_sample_weights_move_the_decision() -> None:
    """Of the same sample with two labels, the heavier one wins."""
    x, labels = numpy.ones((20, 3)), numpy.asarray(["a", "b"] * 10)
    x[0] = 0.0
    for heavy in ("a", "b"):
        weights = numpy.where(labels == heavy, 10.0, 1.0)
        estimator = CNNClassifier(epochs=200).fit(x, labels, sample_weight=weights)
        assert set(estimator.predict(x[1:])) == {heavy}
        # the weighted frequency is what cross-entropy learns
        p = estimator.predict_proba(x[1:2])[0]
        assert abs(p.max() - 10 / 11) < 0.02


def test_random_state() -> None:
    x, labels = digits(100)

    def fitted(state: Any) -> Host:
        estimator = CNNClassifier(image_shape=(8, 8), epochs=1, random_state=state)
        found: Host = estimator.fit(x, labels).predict_proba(x)
        return found

    assert numpy.array_equal(fitted(1), fitted(1))
    assert not numpy.array_equal(fitted(1), fitted(2))
    assert not numpy.array_equal(fitted(None), fitted(None))
    assert numpy.array_equal(
        fitted(numpy.random.RandomState(5)), fitted(numpy.random.RandomState(5))
    )


def test_regression_in_the_units_of_the_targets() -> None:
    x, y = curve()
    estimator = CNNRegressor().fit(x, y)
    assert estimator.score(x, y) > 0.95
    assert abs(estimator.predict(x).mean() - y.mean()) < 1e3
    both = CNNRegressor(epochs=20).fit(x, numpy.stack([y, -y], axis=1))
    assert both.predict(x).shape == (200, 2)
    assert both.score(x, numpy.stack([y, -y], axis=1)) > 0.9


def test_regression_of_images_by_a_preset() -> None:
    """How dark a picture is, by a network made for classes."""
    x, _ = digits(300)
    images = x.reshape(-1, 1, 8, 8)
    y = x.mean(axis=1)
    estimator = CNNRegressor("tiny", epochs=40).fit(images, y)
    assert estimator.model_.output_shape == (1,)
    assert estimator.score(images, y) > 0.8
