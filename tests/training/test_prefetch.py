"""Items prepared ahead: the same, in order, one at a time, and errors where they are due."""

import threading
from collections.abc import Iterator

import numpy
import pytest

from xpcnn.training.prefetch import prefetched


def test_the_same_items_by_one_other_thread() -> None:
    threads = set()

    def items() -> Iterator[int]:
        for i in range(50):
            threads.add(threading.current_thread())
            yield i

    assert list(prefetched(items())) == list(range(50))
    assert len(threads) == 1
    assert threading.current_thread() not in threads


def preparing() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name.startswith("xpcnn-prefetch")}


def test_only_one_is_prepared_ahead() -> None:
    made: list[int] = []
    before = preparing()  # of tests whose generators Python has not collected yet

    def items() -> Iterator[int]:
        for i in range(9):
            made.append(i)
            yield i

    coming = prefetched(items())
    assert next(coming) == 0
    assert len(made) <= 2
    assert len(preparing() - before) == 1
    coming.close()  # type: ignore[attr-defined]  # a generator
    assert len(made) == 2
    assert preparing() <= before


def test_an_error_arises_where_it_is_due() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    coming = prefetched(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="no more"):
        next(coming)


def test_the_callers_errstate_holds() -> None:
    def items() -> Iterator[float]:
        yield float(numpy.float32(1) / numpy.float32(0))

    with numpy.errstate(divide="raise"), pytest.raises(FloatingPointError):
        next(prefetched(items()))
