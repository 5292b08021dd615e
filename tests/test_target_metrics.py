"""Figures of several labels for each sample, and of numbers, also beside scikit-learn's."""

import numpy
import pytest

from tests.lib import Lib
from xpcnn import target_metrics as metrics
from xpcnn.errors import LabelError

LABELS_OF_EACH = [[1, 0, 1], [0, 0, 1], [1, 1, 1], [1, 0, 1]]
EACH = [[0.75, 0.25, 0.5], [0.5, 0.5, 0.25], [0.25, 0.75, 0.75], [1.0, 0.0, 0.25]]


def test_per_label(lib: Lib, dtype: str) -> None:
    """At one half, label 0: yes, yes, no, yes for 1, 0, 1, 1; label 1: rows 1 and 2 are yes."""
    found = metrics.per_label(lib.asarray(EACH, dtype), lib.asarray(LABELS_OF_EACH))
    expected: dict[str, list[float]] = {
        "accuracy": [0.5, 0.75, 0.5],
        "precision": [2 / 3, 0.5, 1.0],
        "recall": [2 / 3, 1.0, 0.5],
        "f1": [2 / 3, 2 / 3, 2 / 3],
        "support": [3, 1, 4],
    }
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert lib.to_host(found[name]).dtype == ("int64" if name == "support" else "float64")
        numpy.testing.assert_allclose(lib.to_host(found[name]), values, rtol=1e-15)


def test_per_label_with_thresholds_of_their_own(lib: Lib, dtype: str) -> None:
    thresholds = lib.asarray([0.25, 1.5, 0.25], dtype)
    found = metrics.per_label(
        lib.asarray(EACH, dtype), lib.asarray(LABELS_OF_EACH, dtype), thresholds
    )
    assert lib.to_host(found["recall"]).tolist() == [1.0, 0.0, 1.0]
    assert lib.to_host(found["precision"]).tolist() == [0.75, 0.0, 1.0]


def test_average_precision_and_the_best_threshold(lib: Lib, dtype: str) -> None:
    """By falling score 1 0 1 1 0: precision 1, 2/3, 3/4; F1 1/2, 4/6, 6/7."""
    scores = lib.asarray([0.875, 0.75, 0.5, 0.25, 0.125], dtype)
    labels = lib.asarray([1, 0, 1, 1, 0])
    assert metrics.average_precision(scores, labels) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert metrics.best_threshold(scores, labels) == 0.25
    tied = lib.asarray([0.5, 0.5, 0.5, 0.0], dtype)  # all three at once
    assert metrics.average_precision(tied, lib.asarray([1, 0, 1, 0])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", ["average_precision", "best_threshold"])
def test_a_label_that_no_sample_has(name: str) -> None:
    with pytest.raises(LabelError) as caught:
        getattr(metrics, name)(numpy.ones(2), numpy.zeros(2, numpy.int64))
    assert str(caught.value).startswith(f"{name}: no sample has the label\nTry: ")


def test_figures_of_numbers(lib: Lib, dtype: str) -> None:
    """Errors 1, -1, 0, 2 of 1, 3, 5, 7: 6 of 20; a constant target is met or not."""
    targets = lib.asarray([[1.0, 4.0, 4.0], [3, 4, 4], [5, 4, 4], [7, 4, 4]], dtype)
    values = lib.asarray([[2.0, 4.0, 4.0], [2, 4, 4], [5, 4, 4], [9, 4, 5]], dtype)
    assert metrics.mean_absolute_error(values, targets) == pytest.approx(5 / 12, rel=1e-6)
    assert metrics.r2(values, targets) == pytest.approx((0.7 + 1 + 0) / 3, rel=1e-6)
    assert metrics.r2(values[:, 0], targets[:, 0]) == pytest.approx(0.7, rel=1e-6)


def test_r2_of_equal_targets_whose_mean_is_rounded(lib: Lib) -> None:
    targets = lib.asarray(numpy.full((7, 1), 0.1))  # the mean is 0.09999999999999999
    assert metrics.r2(targets + 0.01, targets) == 0.0


def test_equal_to_scikit_learn() -> None:
    theirs = pytest.importorskip("sklearn.metrics")
    rng = numpy.random.default_rng(0)
    p, labels = rng.integers(0, 20, (60, 4)) / 20, rng.integers(0, 2, (60, 4))
    found = metrics.per_label(p, labels)
    figures = theirs.precision_recall_fscore_support(labels, p >= 0.5, zero_division=0)
    for name, expected in zip(("precision", "recall", "f1", "support"), figures, strict=True):
        numpy.testing.assert_allclose(found[name], expected, rtol=1e-14)
    for k in range(4):
        expected = theirs.average_precision_score(labels[:, k], p[:, k])
        assert metrics.average_precision(p[:, k], labels[:, k]) == pytest.approx(expected)
        best = metrics.best_threshold(p[:, k], labels[:, k])
        f1 = [theirs.f1_score(labels[:, k], p[:, k] >= t) for t in numpy.unique(p[:, k])]
        assert theirs.f1_score(labels[:, k], p[:, k] >= best) == max(f1)
    values, targets = rng.normal(size=(2, 30, 3))
    expected = theirs.mean_absolute_error(targets, values)
    assert metrics.mean_absolute_error(values, targets) == pytest.approx(expected)
    assert metrics.r2(values, targets) == pytest.approx(theirs.r2_score(targets, values))
