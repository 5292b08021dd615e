"""Softmax and binary cross-entropy in C."""

import math
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.compare import assert_within
from tests.compiled.support import BATCHES, PACKAGE, compiled, cut, guarded, require_compiler
from tests.lib import Host
from tests.ops.exact import rounded, run

NAME = "softmax_cross_entropy"
module: Any = import_module(f"{PACKAGE}.loss")


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_two_classes_by_hand() -> None:
    """Scores 0 and log 3: probabilities 1/4 and 3/4."""
    scores = numpy.asarray([[0.0, math.log(3)]], "float32")
    loss, pullback = compiled.KERNELS[NAME](scores, numpy.asarray([0]))
    assert loss == pytest.approx(math.log(4))
    (dlogits, _, _) = pullback(numpy.float32(1))
    assert dlogits.tolist() == [pytest.approx([-0.75, 0.75])]


@pytest.mark.parametrize("classes", [1, 2, 10, 33, 100])
@pytest.mark.parametrize("n", BATCHES)
def test_rows(n: int, classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 1)
    rng = numpy.random.default_rng(n)
    scores = (9 * rng.standard_normal((classes, n))).astype("float32").T
    labels: Host = rng.integers(0, classes, n)
    expected = rounded(NAME, [scores, labels], {})
    with cut(1, 2), guarded():
        loss, pullback = compiled.KERNELS[NAME](scores, labels.astype("uint8"))
        dlogits, *_ = pullback(numpy.float32(0.5 + math.cos(0)))
    for got, want in zip((loss, dlogits), (expected[0], expected[1]), strict=True):
        assert want is not None
        assert_within(numpy.asarray(got), want)
    assert run(lambda a: a, NAME, [scores, labels], {})[1].dtype == "float32"


@pytest.mark.parametrize("outputs", [1, 2, 33])
@pytest.mark.parametrize("n", BATCHES)
def test_yes_and_no(n: int, outputs: int) -> None:
    """Scores have their samples last in memory, targets first."""
    rng = numpy.random.default_rng(n)
    scores = (9 * rng.standard_normal((outputs, n))).astype("float32").T
    targets = rng.random((n, outputs), "float32")
    expected = rounded("bce_with_logits", [scores, targets], {})
    with cut(3, 2), guarded():
        loss, pullback = compiled.KERNELS["bce_with_logits"](scores, targets)
        dscores, dtargets, *_ = pullback(numpy.float32(0.5 + math.cos(0)))
    for got, want in zip((loss, dscores, dtargets), expected, strict=False):
        assert want is not None
        assert_within(numpy.asarray(got), want)


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf])
def test_scores_that_are_not_finite(value: float) -> None:
    """They are NaN for their sample alone, as in the reference."""
    scores = numpy.zeros((20, 3), "float32")
    scores[17, 1] = value
    loss, pullback = compiled.KERNELS[NAME](scores, numpy.zeros(20, int))
    dlogits, *_ = pullback(numpy.float32(1))
    assert numpy.isnan(loss)
    assert numpy.isnan(dlogits).all(axis=1).tolist() == [i == 17 for i in range(20)]


def test_scores_that_are_far_apart() -> None:
    scores = numpy.asarray([[1e4, 0, -numpy.inf]], "float32")
    loss, pullback = compiled.KERNELS[NAME](scores, numpy.asarray([1]))
    assert loss == 1e4
    assert pullback(numpy.float32(1))[0].tolist() == [[1, -1, 0]]


def test_what_it_leaves_to_others() -> None:
    kernel, scores = compiled.KERNELS[NAME], numpy.zeros((4, 3), "float32")
    labels = numpy.asarray([0, 1, 2, 0])
    for wrong in (labels - 1, labels + 1, scores):
        assert kernel(scores, wrong) is NotImplemented
    assert kernel(scores, labels, label_smoothing=0.1) is NotImplemented
    assert kernel(scores, labels, scores[0]) is NotImplemented
    assert kernel(scores.astype("float64"), labels) is NotImplemented
