"""The processes that train one network together.

Every process holds the whole network and computes its rows of each batch. The results of a group's
methods have the same bits in every process. After every update, the whole state of the run has the
same bits in every process too, so all take the same decisions without asking each other. Only
decisions that depend on clocks, callbacks or signals go through `agree`.

In shared memory (`engine_memory`) one process computes each element of a sum, so that it certainly
has the same bits in all of them: this holds for gradients of at least 64 KiB in NumPy arrays, on
one machine with Linux. All other sums rely on MPI and gloo, which give all processes one result on
machines of one kind. `Saver` compares the processes at every checkpoint, and rejects differences.

An engine (MPI, torch.distributed) does the work: `xpcnn.backend.group` opens one by name. Any
object with the members of `Group` can be given to `Model.fit(group=...)`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol, TypeAlias, TypeVar

from xpcnn.types import Array

T = TypeVar("T")

Sum: TypeAlias = Callable[[Array], Array]
"""From an array (n,) of the device to the sum of those of several processes, which call it."""


class Group(Protocol):
    """Processes 0 to size - 1. All of them call every method except `abort`."""

    @property
    def rank(self) -> int:
        """Number of this process."""
        ...

    @property
    def size(self) -> int:
        """Number of processes."""
        ...

    def sum(self, x: Array) -> Array:
        """Return the sum over all processes of x (n,) on the device; x may be overwritten."""
        ...

    @property
    def overlaps(self) -> bool:
        """Whether sums of gradients are to begin while the backward pass goes on."""
        ...

    def begin_sum(self, x: Array) -> Callable[[], Array]:
        """Begin the sum over all processes of x (n,); return a function that waits for it, and
        returns it. x may be overwritten. Sums begin in the same order in all processes."""
        ...

    def lend(self, size: int, like: Array) -> Array | None:
        """Return memory for an array (size,) of the library and dtype of `like`, which `sum` sums
        in place, faster than others; None if there is none. Valid until the next call."""
        ...

    def sum_of(self, size: int) -> Sum:
        """Return a function like `sum` over groups of `size` neighbours: processes 0 to size - 1,
        size to 2 size - 1, ... `size` divides the number of processes."""
        ...

    def agree(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """Return the maximum over all processes of each of a few whole numbers."""
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

    rank, size, overlaps = 0, 1, False

    def sum(self, x: Array) -> Array:
        return x

    def begin_sum(self, x: Array) -> Callable[[], Array]:
        return lambda: x

    def lend(self, size: int, like: Array) -> Array | None:
        return None

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
