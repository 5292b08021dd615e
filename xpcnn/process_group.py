"""The processes that train one network together, as a run sees them.

Every process holds the whole network and computes its rows of each batch. What a group returns is
the same in every process, to the last bit. So is, after every update, the whole state of a run: the
processes take the same decisions without a message. Only what clocks, callbacks and signals decide
goes through `agree`.

An engine (MPI, torch.distributed) does the work: `xpcnn.backend.group` opens one by name. Any
object with the members of `Group` can be given to `Model.fit(group=...)`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, Protocol, TypeAlias, TypeVar

from xpcnn.types import Array

T = TypeVar("T")

Sum: TypeAlias = Callable[[Array], Array]
"""From an array (n,) of the device to the sum of those of several processes, which call it."""


class Group(Protocol):
    """Processes with the numbers 0 to size - 1. Every method but `abort` is called by all."""

    @property
    def rank(self) -> int:
        """Number of this process."""
        ...

    @property
    def size(self) -> int:
        """Number of processes."""
        ...

    def sum(self, x: Array) -> Array:
        """Return the sum over all processes of an array (n,) of the device; x may be written."""
        ...

    def sum_of(self, size: int) -> Sum:
        """Return a function like `sum` over groups of `size` neighbours: processes 0 to size - 1,
        size to 2 size - 1, ... `size` divides the number of processes."""
        ...

    def agree(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """Return the largest of each of a few whole numbers over all processes."""
        ...

    def broadcast(self, value: Any) -> Any:
        """Return the value that process 0 gave: host arrays and plain Python values."""
        ...

    def gather(self, value: Any) -> list[Any]:
        """Return the value of each process, by rank: a few plain Python values."""
        ...

    def abort(self, code: int) -> NoReturn:
        """End all processes at once with an exit code, for an error that one of them had."""
        ...


class Alone:
    """The group of one process."""

    rank, size = 0, 1

    def sum(self, x: Array) -> Array:
        return x

    def sum_of(self, size: int) -> Sum:
        return self.sum

    def agree(self, numbers: Sequence[int]) -> tuple[int, ...]:
        return tuple(numbers)

    def broadcast(self, value: Any) -> Any:
        return value

    def gather(self, value: Any) -> list[Any]:
        return [value]

    def abort(self, code: int) -> NoReturn:
        raise SystemExit(code)


ALONE = Alone()


@dataclass(frozen=True)
class Rows:
    """The rows of a batch that one process computes, or reads.

    first, count: the rows `first` to `first + count - 1`. Below 0 they are the last of the batch.
    total: rows of the batch.
    copies: number of processes that compute the same rows; more than 1 only in a batch of fewer
        rows than processes, which each process computes as a whole.
    """

    first: int
    count: int
    total: int
    copies: int = 1

    @property
    def weight(self) -> float:
        """Weight of the mean over these rows in the mean over the batch."""
        return self.count / (self.total * self.copies)

    def with_before(self, count: int) -> "Rows":
        """Return these rows and `count` rows before them, in a ring; all if that is no less."""
        if self.count + count >= self.total:
            return Rows(0, self.total, self.total)
        return Rows(self.first - count, self.count + count, self.total)

    def spans(self) -> list[tuple[int, int]]:
        """Return (first, count) of each stretch of rows, from 0 on: two where `first` is below."""
        if self.first >= 0:
            return [(self.first, self.count)]
        return [(self.total + self.first, -self.first), (0, self.first + self.count)]


def rows_of(group: Group, total: int) -> Rows:
    """Return which of the `total` rows of a batch this process computes.

    Each computes as many as the others, or one less. A batch of fewer rows than processes is
    computed by all of them, since the mean and the variance of no rows are NaN.
    """
    if total < group.size:
        return Rows(0, total, total, group.size)
    first = _first_row(group, group.rank, total)
    return Rows(first, _first_row(group, group.rank + 1, total) - first, total)


def _first_row(group: Group, rank: int, total: int) -> int:
    each, more = divmod(total, group.size)
    return each * rank + min(rank, more)


class Together(NamedTuple):
    """The processes over whose rows of a batch this one takes the statistics of batch norm.

    size: how many neighbours of the group they are; sum: the sum over them.
    """

    size: int
    sum: Sum


class SharedBatch(NamedTuple):
    """What several processes normalise together: rows of a batch.

    sum: the sum over the processes.
    total: number of the rows.
    copies: number of processes that compute the same rows, which are counted once in `total`.
    """

    sum: Sum
    total: int
    copies: int = 1


def shared_batch(group: Group, together: Together, rows: Rows) -> SharedBatch:
    """Return what this process normalises together with others.

    rows: those of the batch that it computes.
    """
    if rows.copies > 1:
        return SharedBatch(together.sum, rows.total, together.size)
    rank = group.rank - group.rank % together.size
    first, end = (_first_row(group, r, rows.total) for r in (rank, rank + together.size))
    return SharedBatch(together.sum, end - first)


def by_first(group: Group, call: Callable[[], T]) -> T:
    """Call a function in process 0 alone; return in every process what it returns.

    Raises:
        the exception of the function, in every process, with the attribute `shared`.
    """
    if group.size == 1:
        return call()
    result: Any = None
    error: Exception | None = None
    if group.rank == 0:
        try:
            result = call()
        except Exception as raised:
            error = raised
    result, error = group.broadcast((result, error))
    if error is not None:
        raise shared(error)
    found: T = result
    return found


def by_all(group: Group, call: Callable[[], T]) -> T:
    """Call a function in every process, and return what it returns there.

    Raises:
        the exception of the first process in which the function raised one, in every process, with
        the attribute `shared`.
    """
    if group.size == 1:
        return call()
    result: Any = None
    error: Exception | None = None
    try:
        result = call()
    except Exception as raised:
        error = raised
    errors = [found for found in group.gather(error) if found is not None]
    if errors:
        raise shared(errors[0])
    found: T = result
    return found


def shared(error: Exception) -> Exception:
    """Mark an error as one that every process raises, so that process 0 alone shows it."""
    error.shared = True  # type: ignore[attr-defined]
    return error


def is_shared(error: BaseException | None) -> bool:
    """Return whether every process of the group raises this error, or one it is raised from."""
    if error is None:
        return False
    return getattr(error, "shared", False) or is_shared(error.__cause__)
