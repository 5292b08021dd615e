"""The dense product in C against the reference to the last bit."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiled.support import BATCHES, agree, compiled, cut, require_compiler, whole


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_rows_by_hand() -> None:
    x = numpy.asarray([[1, 2]], "float32")
    w = numpy.asarray([[1, 10, 100], [3, 30, 300]], "float32")
    y, pullback = compiled.KERNELS["dense"](x, w, numpy.asarray([0, 0, 5], "float32"))
    assert y.tolist() == [[7, 70, 705]]
    dx, dw, db = pullback(numpy.asarray([[1, 0, 2]], "float32"))
    assert dx.tolist() == [[201, 603]]
    assert dw.tolist() == [[1, 0, 2], [2, 0, 4]]
    assert db.tolist() == [1, 0, 2]


SIZES = st.integers(1, 20) | st.sampled_from([95, 96, 97, 130, 191, 193, 300])  # blocks are of 96


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    *(st.sampled_from(BATCHES), SIZES, SIZES, st.booleans()),
    *(st.sampled_from([1, 2, 5]), st.sampled_from([1, 3]), st.integers(0, 99)),
)
def test_rows(n: int, i: int, o: int, bias: bool, pieces: int, threads: int, seed: int) -> None:
    rng = numpy.random.default_rng(seed)
    arrays = [whole(rng, n, i), whole(rng, i, o), whole(rng, o) if bias else None]
    with cut(pieces, threads):
        agree("dense", arrays)
        # samples last, as flattened images have them; weights by columns
        agree("dense", [a if a is None else a.T.copy().T for a in arrays], whole(rng, o, n).T)


@pytest.mark.parametrize("pieces", [2, 5])
def test_threads_share_the_terms_of_few_long_sums(pieces: int) -> None:
    rng = numpy.random.default_rng(0)
    with cut(pieces, 3):
        agree("dense", [whole(rng, 17, 301), whole(rng, 301, 9), whole(rng, 9)])
        agree("dense", [whole(rng, 17, 301), whole(rng, 301, 9), None])


def test_a_batch_wider_than_a_block() -> None:
    rng = numpy.random.default_rng(0)
    agree("dense", [whole(rng, 1001, 100), whole(rng, 100, 7), whole(rng, 7)])


def test_vectors_with_gaps_and_none_at_all() -> None:
    rng = numpy.random.default_rng(0)
    x, w = whole(rng, 9, 5), whole(rng, 5, 7)
    agree("dense", [x, w, whole(rng, 14)[::-2]])
    agree("dense", [x, w, numpy.broadcast_to(numpy.float32(3), 7)])
    agree("dense", [x, w[:, :0], None])


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf])
def test_what_is_not_finite_stays_in_its_row(value: float) -> None:
    rng = numpy.random.default_rng(0)
    x = whole(rng, 11, 5) + 5
    x[10, 2] = value
    agree("dense", [x, whole(rng, 5, 7) + 5, None])
