"""Rows of a batch that is divided among processes: those that each computes, reads, normalises."""

from dataclasses import dataclass
from typing import NamedTuple

from xpcnn.process_group import Group, Sum


@dataclass(frozen=True)
class Rows:
    """The rows of a batch that one process computes, or reads.

    first, count: the rows `first` to `first + count - 1`; negative indices count from the end.
    total: number of rows in the batch.
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
        """Return these rows and `count` rows before them, the last of the batch before row 0.

        Return all rows if that many would be wanted.
        """
        if self.count + count >= self.total:
            return Rows(0, self.total, self.total)
        return Rows(self.first - count, self.count + count, self.total)

    def spans(self) -> list[tuple[int, int]]:
        """Return the rows as ranges (first, count), first >= 0: two if they cross row 0."""
        if self.first >= 0:
            return [(self.first, self.count)]
        return [(self.total + self.first, -self.first), (0, self.first + self.count)]


def rows_of(group: Group, total: int) -> Rows:
    """Return which of the `total` rows of a batch this process computes.

    The numbers of rows differ by one at most. A batch of fewer rows than processes is computed as a
    whole by each process, since the mean and the variance of no rows are NaN.
    """
    if total < group.size:
        return Rows(0, total, total, group.size)
    first = _first_row(group, group.rank, total)
    return Rows(first, _first_row(group, group.rank + 1, total) - first, total)


def _first_row(group: Group, rank: int, total: int) -> int:
    each, more = divmod(total, group.size)
    return each * rank + min(rank, more)


class BatchNormGroup(NamedTuple):
    """Processes whose batch norms use the mean and the variance of all their rows of a batch.

    size: number of these processes, which are neighbours in the group of all.
    sum: the sum over them.
    """

    size: int
    sum: Sum


class SharedBatch(NamedTuple):
    """Rows of a batch that several processes normalise together.

    sum: the sum over the processes.
    total: number of the rows.
    copies: number of processes that compute the same rows, which are counted once in `total`.
    """

    sum: Sum
    total: int
    copies: int = 1


def shared_batch(group: Group, norm_group: BatchNormGroup, rows: Rows) -> SharedBatch:
    """Return the rows that this process normalises together with others.

    rows: the rows that it computes.
    """
    if rows.copies > 1:
        return SharedBatch(norm_group.sum, rows.total, norm_group.size)
    rank = group.rank - group.rank % norm_group.size
    first, end = (_first_row(group, r, rows.total) for r in (rank, rank + norm_group.size))
    return SharedBatch(norm_group.sum, end - first)
