import math
from typing import Any

import numpy
import pytest

from tests.libraries import LIBRARIES, Library
from xpcnn import metrics
from xpcnn.errors import LabelError

SCORES = [[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]
LABELS = [0, 2, 0, 1]
CONFUSION = [[3, 1, 0], [2, 4, 0], [1, 0, 0]]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    return LIBRARIES[request.param]()


def ints(library: Library, values: Any) -> Any:
    return library.move(numpy.asarray(values, dtype=numpy.int64))


def test_correct_stays_on_the_device(library: Library) -> None:
    hits = metrics.correct(library.array(SCORES), ints(library, LABELS))
    assert hits.shape == ()
    assert library.fetch(hits).dtype == numpy.int64
    assert int(hits) == 2


def test_correct_reads_no_value() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.empty((4, 3), device="meta")
    labels = torch.empty((4,), dtype=torch.int64, device="meta")
    assert metrics.correct(logits, labels).device.type == "meta"


def test_accuracy_and_top_k(library: Library) -> None:
    scores, labels = library.array(SCORES), ints(library, LABELS)
    assert metrics.accuracy(scores, labels) == 0.5
    # of the wrong two: label 0 ties with 2 behind 1, label 1 ties with 0 behind 2
    assert [metrics.top_k(scores, labels, k) for k in (1, 2, 3)] == [0.5, 0.75, 1.0]


def test_of_equal_scores_the_lower_class_ranks_higher(library: Library) -> None:
    scores = library.array([[0.5, 0.5]])
    for label, expected in ((0, 1.0), (1, 0.0)):
        labels = ints(library, [label])
        assert metrics.accuracy(scores, labels) == metrics.top_k(scores, labels, 1) == expected


def test_top_k_counts_nan_as_wrong(library: Library) -> None:
    scores = library.array([[math.nan, 0.0], [0.0, math.nan], [1.0, 0.0]])
    assert metrics.top_k(scores, ints(library, [0, 0, 0]), 1) == pytest.approx(1 / 3)


def test_confusion_matrix(library: Library) -> None:
    predicted, labels = ints(library, [0, 1, 1, 2, 1]), ints(library, [0, 0, 1, 2, 0])
    confusion = library.fetch(metrics.confusion_matrix(predicted, labels, 4))
    assert confusion.dtype == numpy.int64
    assert confusion.tolist() == [[1, 2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_per_class(library: Library) -> None:
    got = metrics.per_class(ints(library, CONFUSION))
    assert library.fetch(got["support"]).tolist() == [4, 6, 1]
    assert library.fetch(got["precision"]) == pytest.approx([3 / 6, 4 / 5, 0.0])
    assert library.fetch(got["recall"]) == pytest.approx([3 / 4, 4 / 6, 0.0])
    assert library.fetch(got["f1"]) == pytest.approx([6 / 10, 8 / 11, 0.0])


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
def test_auc(library: Library, scores: list[float], labels: list[int], expected: float) -> None:
    assert metrics.auc(library.array(scores), ints(library, labels)) == expected


def test_auc_needs_both_classes() -> None:
    text = r"^auc: needs samples of both classes, got 2 of class 1 and 0 of class 0\nTry: evaluate"
    with pytest.raises(LabelError, match=text):
        metrics.auc(numpy.asarray([0.5, 0.5]), numpy.asarray([1, 1]))


def test_log_loss(library: Library) -> None:
    expected = -(math.log(0.5) + math.log(0.75) + 2 * math.log(0.25)) / 4
    got = metrics.log_loss(library.array(SCORES), ints(library, LABELS))
    assert got == pytest.approx(expected, rel=1e-6)


def test_log_loss_of_an_impossible_label_is_finite(library: Library) -> None:
    tiny = float(numpy.finfo(library.dtype).smallest_normal)
    got = metrics.log_loss(library.array([[0.0, 1.0]]), ints(library, [0]))
    assert got == pytest.approx(-math.log(tiny), rel=1e-6)


def test_calibration_error(library: Library) -> None:
    probabilities = library.array([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0], [0.5, 0.5]])
    # by confidence: {0.75, 0.75} one right, {1.0} right, {0.5} wrong
    labels = ints(library, [0, 1, 1, 1])
    expected = (2 * abs(0.5 - 0.75) + abs(1.0 - 1.0) + abs(0.0 - 0.5)) / 4
    assert metrics.calibration_error(probabilities, labels) == pytest.approx(expected, rel=1e-6)
    # one bin: 2 of 4 right, mean confidence 0.75
    assert metrics.calibration_error(probabilities, labels, bins=1) == pytest.approx(0.25)


def test_bins_close_on_the_right(library: Library) -> None:
    """0.5 belongs to (0, 0.5], where it meets no other; with (0.5, 1] the gaps would cancel."""
    probabilities = library.array([[0.5, 0.5], [0.75, 0.25]])
    labels = ints(library, [0, 1])
    got = metrics.calibration_error(probabilities, labels, bins=2)
    assert got == pytest.approx((0.5 + 0.75) / 2)


def test_most_confused(library: Library) -> None:
    confusion = ints(library, CONFUSION)
    assert metrics.most_confused(confusion) == [(1, 0, 2), (0, 1, 1), (2, 0, 1)]
    assert metrics.most_confused(confusion, 1) == [(1, 0, 2)]


def test_worst(library: Library) -> None:
    positions = metrics.worst(library.array(SCORES), ints(library, LABELS), 3)
    assert library.fetch(positions).tolist() == [2, 3, 0]
