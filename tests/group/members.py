"""A group whose members are threads of one process: what an engine does, without a launcher."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import numpy

from tests.waiting import PATIENCE

T = TypeVar("T")


class Table:
    """What the members share: a place for the value of each."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.barrier = threading.Barrier(size, timeout=PATIENCE)
        self.values: list[Any] = [None] * size


class Member:
    """One member of a group, see `xpcnn.process_group.Group`; counts its sums."""

    def __init__(self, table: Table, rank: int) -> None:
        self.table, self.rank, self.size = table, rank, table.size
        self.sums = 0
        self.overlaps = False

    def gather(self, value: Any) -> list[Any]:
        self.table.values[self.rank] = value
        self.table.barrier.wait()
        found = list(self.table.values)
        self.table.barrier.wait()
        return found

    def sum(self, x: Any) -> Any:
        self.sums += 1
        return sum(self.gather(numpy.array(x)))

    def begin_sum(self, x: Any) -> Callable[[], Any]:
        total = self.sum(x)
        return lambda: total

    def lend(self, size: int, like: Any) -> Any:
        return None

    def sum_of(self, size: int) -> Callable[[Any], Any]:
        tables = self.gather(Table(size))
        part = Member(tables[self.rank - self.rank % size], self.rank % size)

        def counted(x: Any) -> Any:
            self.sums += 1
            return part.sum(x)

        return counted

    def agree(self, numbers: Sequence[int]) -> tuple[int, ...]:
        return tuple(map(max, zip(*self.gather(tuple(numbers)), strict=True)))

    def broadcast(self, value: Any) -> Any:
        return self.gather(value)[0]

    def abort(self, code: int) -> NoReturn:
        self.table.barrier.abort()
        raise SystemExit(code)


def together(size: int, work: Callable[[Member], T]) -> list[T]:
    """Return what work(member) returns in each of `size` threads; raise the first error of one."""
    table = Table(size)
    results: list[Any] = [None] * size
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        try:
            results[rank] = work(Member(table, rank))
        except BaseException as error:
            if not isinstance(error, threading.BrokenBarrierError):
                errors.append(error)
            table.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
