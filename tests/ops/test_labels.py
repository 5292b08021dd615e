"""Classes from scores, and labels as probabilities, by hand."""

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import ops
from xpcnn.errors import LabelError, ShapeError
from xpcnn.losses import BCEWithLogits


def test_the_first_of_the_largest_scores(lib: Lib, dtype: str) -> None:
    scores = numpy.asarray([[1, 3, 2], [5, 5, 5], [-2, -4, -1]], dtype)
    assert_same(ops.most_probable(lib.asarray(scores)), numpy.asarray([1, 0, 2]), lib)
    sideways = lib.asarray(numpy.asfortranarray(scores))
    assert_same(ops.most_probable(sideways, middle=9.0), numpy.asarray([1, 0, 2]), lib)


def test_a_single_score_is_compared_with_the_middle(lib: Lib, dtype: str) -> None:
    scores = lib.asarray(numpy.asarray([[0.4], [0.5], [0.6]], dtype))
    assert_same(ops.most_probable(scores, middle=0.5), numpy.asarray([0, 0, 1]), lib)
    assert_same(ops.most_probable(scores), numpy.asarray([0, 0, 0]), lib)


@pytest.mark.parametrize("integers", ["int64", "int32", "uint8"])
def test_one_hot(lib: Lib, dtype: str, integers: str) -> None:
    labels = lib.asarray(numpy.asarray([2, 0, 1]).astype(integers))
    kind = lib.asarray(numpy.zeros(1), dtype).dtype
    expected = numpy.asarray([[0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype)
    assert_same(ops.one_hot(labels, outputs=3, dtype=kind), expected, lib)
    two = lib.asarray(numpy.asarray([1, 0, 1]).astype(integers))
    expected = numpy.asarray([[1], [0], [1]], dtype)
    assert_same(ops.one_hot(two, outputs=1, dtype=kind), expected, lib)


def test_one_hot_of_more_classes_than_the_labels_dtype_counts(lib: Lib) -> None:
    labels = lib.asarray(numpy.asarray([5], "uint8"))
    kind = lib.asarray(numpy.zeros(1)).dtype
    expected = numpy.zeros((1, 300))
    expected[0, 5] = 1.0
    assert_same(ops.one_hot(labels, outputs=300, dtype=kind), expected, lib)


@pytest.mark.parametrize(("outputs", "first"), [(3, 4), (1, 2)])
def test_labels_without_a_class_are_refused(outputs: int, first: int, lib: Lib) -> None:
    """Losses of yes/no scores and of distances make their targets of labels here."""
    labels = lib.asarray([1, first])
    kind = lib.backend.dtype("float32")
    if str(lib.backend.device) != "cpu":  # reading them would wait for the device
        assert ops.one_hot(labels, outputs=outputs, dtype=kind).shape == (2, outputs)
        return
    text = rf"one_hot: 1 of 2 labels lie outside 0\.\.{max(2, outputs) - 1}, .* = {first}\nTry: "
    with pytest.raises(LabelError, match=text):
        ops.one_hot(labels, outputs=outputs, dtype=kind)
    with pytest.raises(LabelError, match=text):
        BCEWithLogits()(lib.asarray(numpy.zeros((2, outputs), "float32")), labels)


def test_other_ranks_are_refused(lib: Lib) -> None:
    with pytest.raises(ShapeError, match="most_probable: scores has shape"):
        ops.most_probable(lib.asarray([1.0, 2.0]))
    with pytest.raises(ShapeError, match="one_hot: labels has shape"):
        ops.one_hot(lib.asarray([[1, 2]]), outputs=3, dtype=lib.asarray([1.0]).dtype)
