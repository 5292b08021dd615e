"""Items prepared ahead: the same, in order, one at a time, and errors where they are due."""

import threading
from collections.abc import Iterator

import numpy
import pytest

from tests.training.test_step import digits
from xpcnn import Model
from xpcnn.data.augment import Crop
from xpcnn.layers import Dense, Flatten
from xpcnn.training import Callback
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

    def items() -> Iterator[int]:
        for i in range(9):
            made.append(i)
            yield i

    coming = prefetched(items())
    assert next(coming) == 0
    assert len(made) <= 2
    assert len(preparing()) == 1
    coming.close()
    assert len(made) == 2
    assert not preparing()


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


class Broken(Callback):
    """Ends a training in its first epoch."""

    def on_step(self, step: int) -> None:
        raise ValueError("broken")


def test_a_training_that_ends_by_an_error_leaves_no_thread() -> None:
    model = Model([Flatten(), Dense(10)], input_shape=(1, 8, 8))
    with pytest.raises(ValueError, match="broken") as kept:
        model.fit(digits(40), epochs=1, batch_size=8, augment=[Crop(1)], callbacks=[Broken()])
    assert kept.tb is not None  # has the frames of the run
    assert not preparing()
