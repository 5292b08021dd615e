"""The time that a run waits for its batches."""

import time
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """An iterator that adds up the seconds until each item comes: two clock readings an item."""

    def __init__(self, items: Iterator[T]) -> None:
        self.items, self.seconds = items, 0.0

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        begin = time.perf_counter()
        try:
            return next(self.items)
        finally:
            self.seconds += time.perf_counter() - begin
