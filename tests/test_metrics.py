import math
from typing import Any

import numpy
import pytest

from tests.lib import Lib
from tests.rounding import UNIT
from xpcnn import metrics
from xpcnn.errors import LabelError

SCORES = [[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]
LABELS = [0, 2, 0, 1]
CONFUSION = [[3, 1, 0], [2, 4, 0], [1, 0, 0]]


def ints(lib: Lib, values: Any) -> Any:
    return lib.asarray(values, "int64")


def test_correct_stays_on_the_device(lib: Lib, dtype: str) -> None:
    hits = metrics.correct(lib.asarray(SCORES, dtype), ints(lib, LABELS))
    assert hits.shape == ()
    assert lib.to_host(hits).dtype == numpy.int64
    assert int(hits) == 2


def test_correct_reads_no_value() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.empty((4, 3), device="meta")
    labels = torch.empty((4,), dtype=torch.int64, device="meta")
    assert metrics.correct(logits, labels).device.type == "meta"


def test_accuracy_and_top_k(lib: Lib, dtype: str) -> None:
    scores, labels = lib.asarray(SCORES, dtype), ints(lib, LABELS)
    assert metrics.accuracy(scores, labels) == 0.5
    # of the wrong two: label 0 ties with 2 behind 1, label 1 ties with 0 behind 2
    assert [metrics.top_k(scores, labels, k) for k in (1, 2, 3)] == [0.5, 0.75, 1.0]


def test_top_k_of_more_classes_than_the_labels_dtype_counts(lib: Lib) -> None:
    scores, labels = lib.asarray(numpy.zeros((1, 300))), lib.asarray([10], "uint8")
    assert [metrics.top_k(scores, labels, k) for k in (10, 11)] == [0.0, 1.0]


def test_of_equal_scores_the_lower_class_ranks_higher(lib: Lib, dtype: str) -> None:
    scores = lib.asarray([[0.5, 0.5]], dtype)
    for label, expected in ((0, 1.0), (1, 0.0)):
        labels = ints(lib, [label])
        assert metrics.accuracy(scores, labels) == metrics.top_k(scores, labels, 1) == expected


def test_top_k_counts_nan_as_wrong(lib: Lib, dtype: str) -> None:
    scores = lib.asarray([[math.nan, 0.0], [0.0, math.nan], [1.0, 0.0]], dtype)
    assert metrics.top_k(scores, ints(lib, [0, 0, 0]), 1) == pytest.approx(1 / 3)


def test_confusion_matrix(lib: Lib) -> None:
    predicted, labels = ints(lib, [0, 1, 1, 2, 1]), ints(lib, [0, 0, 1, 2, 0])
    confusion = lib.to_host(metrics.confusion_matrix(predicted, labels, 4))
    assert confusion.dtype == numpy.int64
    assert confusion.tolist() == [[1, 2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_per_class(lib: Lib) -> None:
    got = metrics.per_class(ints(lib, CONFUSION))
    assert lib.to_host(got["support"]).tolist() == [4, 6, 1]
    assert lib.to_host(got["precision"]) == pytest.approx([3 / 6, 4 / 5, 0.0])
    assert lib.to_host(got["recall"]) == pytest.approx([3 / 4, 4 / 6, 0.0])
    assert lib.to_host(got["f1"]) == pytest.approx([6 / 10, 8 / 11, 0.0])


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75),  # 3 of 4 pairs in order
        ([0.0, 1.0], [0, 1], 1.0),
        ([0.0, 1.0], [1, 0], 0.0),
        ([0.5, 0.5, 0.5], [0, 1, 1], 0.5),
        ([0.5, 0.5, 0.25, 0.75], [0, 1, 0, 1], 0.875),  # one tie in 4 pairs
    ],
)
def test_auc(lib: Lib, dtype: str, scores: list[float], labels: list[int], expected: float) -> None:
    assert metrics.auc(lib.asarray(scores, dtype), ints(lib, labels)) == expected


def test_auc_needs_both_classes() -> None:
    text = r"^auc: needs samples of both classes, got 2 of class 1 and 0 of class 0\nTry: evaluate"
    with pytest.raises(LabelError, match=text):
        metrics.auc(numpy.asarray([0.5, 0.5]), numpy.asarray([1, 1]))


def test_log_loss(lib: Lib, dtype: str) -> None:
    expected = -(math.log(0.5) + math.log(0.75) + 2 * math.log(0.25)) / 4
    got = metrics.log_loss(lib.asarray(SCORES, dtype), ints(lib, LABELS))
    assert got == pytest.approx(expected, rel=12 * UNIT)  # a logarithm, a sum of 4, a mean


def test_log_loss_of_an_impossible_label_is_finite(lib: Lib, dtype: str) -> None:
    tiny = float(numpy.finfo(dtype).smallest_normal)
    got = metrics.log_loss(lib.asarray([[0.0, 1.0]], dtype), ints(lib, [0]))
    assert got == pytest.approx(-math.log(tiny), rel=8 * UNIT)


def test_calibration_error(lib: Lib, dtype: str) -> None:
    probabilities = lib.asarray([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0], [0.5, 0.5]], dtype)
    # by confidence: {0.75, 0.75} one right, {1.0} right, {0.5} wrong
    labels = ints(lib, [0, 1, 1, 1])
    expected = (2 * abs(0.5 - 0.75) + abs(1.0 - 1.0) + abs(0.0 - 0.5)) / 4
    assert metrics.calibration_error(probabilities, labels) == expected
    # one bin: 2 of 4 right, mean confidence 0.75
    assert metrics.calibration_error(probabilities, labels, bins=1) == 0.25


def test_bins_close_on_the_right(lib: Lib, dtype: str) -> None:
    """0.5 belongs to (0, 0.5], where it meets no other; with (0.5, 1] the gaps would cancel."""
    probabilities = lib.asarray([[0.5, 0.5], [0.75, 0.25]], dtype)
    labels = ints(lib, [0, 1])
    got = metrics.calibration_error(probabilities, labels, bins=2)
    assert got == pytest.approx((0.5 + 0.75) / 2)


def test_most_confused(lib: Lib) -> None:
    confusion = ints(lib, CONFUSION)
    assert metrics.most_confused(confusion) == [(1, 0, 2), (0, 1, 1), (2, 0, 1)]
    assert metrics.most_confused(confusion, 1) == [(1, 0, 2)]


def test_worst(lib: Lib, dtype: str) -> None:
    positions = metrics.worst(lib.asarray(SCORES, dtype), ints(lib, LABELS), 3)
    assert lib.to_host(positions).tolist() == [2, 3, 0]
