"""Items prepared by a thread while the previous item is in use."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")

_END: Any = object()


def prefetched(
    items: Iterator[T], session: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Generator[T]:
    """Yield the items in order while a thread prepares the next; its errors are raised in turn.

    To be closed where it is not used up: that waits for the thread.

    session: entered by the thread around each item; see `Backend`.
    """
    context = copy_context()  # holds NumPy's errstate

    def advance() -> Any:
        with session():
            return context.run(lambda: next(items, _END))

    with ThreadPoolExecutor(1, "xpcnn-prefetch") as thread:
        coming = thread.submit(advance)
        while (item := coming.result()) is not _END:
            coming = thread.submit(advance)
            yield item
