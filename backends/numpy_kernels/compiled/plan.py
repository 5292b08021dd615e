"""Plans: the C calls of a forward pass, recorded once and then made without Python around them.

A forward pass over a few images spends most of its time between the C calls: on checks, on choosing
kernels, on tables and on making arrays. None of that depends on the numbers in the arrays. So a
plan lets the layers run once, keeps the list of C calls with the addresses of their arrays, and
then is that list: `run` says where x is, makes the calls, and returns a copy of what the last one
wrote. The results have the same bits as those of the layers.

A plan is made only where the calls are all that happens to the numbers, which is checked while
they are recorded:

- a call may read from x, from the arrays that are held, and from what an earlier call wrote. NumPy
  calls make new arrays: a C call that reads one, or a result in one, ends the recording;
- what a call has written is read-only from then on: NumPy code that writes into it ends the
  recording too.

What cannot be seen is code that reads a number and decides by it. So only networks whose layers are
all of xpcnn are recorded: `may_record`.

Held arrays are read where they are, so a change of their numbers is seen. If one is replaced by
another, as after a step of training, the plan is made anew.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from operator import is_
from typing import Any

import numpy as np

from ..layout import Array
from ..threads import sharing_threads
from . import winograd
from .shared_library import Call, Prepared, address, listening, serves

MOST_BYTES = 1 << 25  # of the plans of a function: where arrays take more, Python takes little time
MOST_PLANS = 4  # of a function

Run = Callable[..., Array]


class NotRecordableError(Exception):
    """NumPy code takes part in a forward pass, or its arrays are large."""


class Plan:
    """The calls of run(x, *held) for x of one shape."""

    def __init__(self, run: Run, x: Array, held: tuple[Any, ...]) -> None:
        """Run once and record.

        Raises:
            NotRecordableError: C calls are not all that happens.
        """
        self.calls: list[Prepared] = []
        self.places: list[tuple[Any, int]] = []  # arguments that point into x, and how far
        self.lock = threading.Lock()
        self.memory = np.empty((*x.shape[1:], len(x)), x.dtype)  # samples last
        self.x = np.moveaxis(self.memory, -1, 0)
        self.x[...] = x
        self.written = [self.memory]  # x, and what calls have written
        self.dicts = [found for tree in held if isinstance(tree, dict) for found in _dicts(tree)]
        self.values = self._values()
        self.given = [a for a in self.values if type(a) is np.ndarray]
        self.held, self.bytes = held, 0
        listening.recording = self
        try:
            self.y = run(_read_only(self.x[:]), *held)
        except ValueError as error:  # NumPy code writes into what a call has written
            raise NotRecordableError from error
        finally:
            listening.recording = None
        if not self._was_written(self.y) or _lies_in(self.y, [self.memory]):
            raise NotRecordableError

    def add(self, call: Call, arguments: tuple[Any, ...]) -> None:
        """Record a call that has just been made."""
        for kind, a in zip(call.kinds, arguments, strict=True):
            if type(a) is np.ndarray and kind == "o":
                self.bytes += a.nbytes
                self.written.append(_read_only(a))
            elif type(a) is np.ndarray and kind == "p" and not self._is_known(a):
                raise NotRecordableError
        if self.bytes > MOST_BYTES:
            raise NotRecordableError
        prepared = call.prepared(*arguments)
        for held, a in zip(prepared.arguments, arguments, strict=True):
            if type(a) is np.ndarray and _lies_in(a, [self.memory]):
                self.places.append((held, held.value - address(self.memory)))
        self.calls.append(prepared)

    def _is_known(self, x: Array) -> bool:
        return self._was_written(x) or _lies_in(x, self.given)

    def _was_written(self, x: Array) -> bool:
        """Whether x is what calls have written, and no NumPy code may have changed."""
        return not x.flags.writeable and _lies_in(x, self.written)

    def is_valid(self, held: tuple[Any, ...]) -> bool:
        """Whether the arrays that are held are those of the plan."""
        values = self._values()
        same = all(map(is_, held, self.held)) and all(map(is_, values, self.values))
        return same and len(values) == len(self.values)

    def _values(self) -> list[Any]:
        return [value for found in self.dicts for value in found.values()]

    def run(self, x: Array) -> Array:
        """Return the result for x."""
        given = np.moveaxis(x, 0, -1)
        if not (given.flags.c_contiguous and given.flags.aligned):
            self.x[...] = x
            given = self.memory
        start = address(given)
        for pointer, offset in self.places:
            pointer.value = start + offset
        for op, function, arguments in self.calls:
            if missing := function(*arguments):
                raise MemoryError(f"{op}: {missing:,} bytes of memory could not be allocated")
        return self.y.copy(order="K")


class Replay:
    """Calls a function by plans: replay(run, x, *held) returns run(x, *held).

    run: computes an array of x, of arrays in nested dictionaries and of things that never change.
    may_record: may_record(*held) says whether run does the same whatever numbers are in the arrays.
    """

    def __init__(self, may_record: Callable[..., bool]) -> None:
        self.may_record = may_record
        self.plans: dict[Any, Plan | None] = {}

    def __call__(self, run: Run, x: Any, *held: Any) -> Array:
        is_served = type(x) is np.ndarray and serves(x) and x.nbytes <= MOST_BYTES
        if not is_served or listening.recording is not None:
            return run(x, *held)
        key = run, x.shape, sharing_threads(), winograd.is_on()
        plan = self.plans.get(key)
        if key not in self.plans or (plan is not None and not plan.is_valid(held)):
            plan = self._made(key, run, x, held)
        if plan is None or not plan.lock.acquire(blocking=False):  # another thread runs it
            return run(x, *held)
        try:
            return plan.run(x)
        finally:
            plan.lock.release()

    def _made(self, key: Any, run: Run, x: Array, held: tuple[Any, ...]) -> Plan | None:
        plan: Plan | None = None
        if self.may_record(*held):
            with suppress(NotRecordableError, BufferError):
                plan = Plan(run, x, held)
        kept = {k: p for k, p in self.plans.items() if k != key and (not p or p.is_valid(held))}
        kept[key] = plan
        while len(kept) > MOST_PLANS or sum(p.bytes for p in kept.values() if p) > MOST_BYTES:
            del kept[next(iter(kept))]  # the oldest
        self.plans = kept
        return plan

    def __deepcopy__(self, memo: dict[int, Any]) -> "Replay":
        return Replay(self.may_record)


def _dicts(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a tree and all trees within it."""
    inner = [value for value in tree.values() if isinstance(value, dict)]
    return [tree, *(found for value in inner for found in _dicts(value))]


def _lies_in(x: Array, arrays: list[Array]) -> bool:
    """Whether the memory of x is part of that of one of the arrays."""
    low, high = np.lib.array_utils.byte_bounds(x)
    bounds = map(np.lib.array_utils.byte_bounds, arrays)
    return any(first <= low and high <= end for first, end in bounds)


def _read_only(x: Array) -> Array:
    x.flags.writeable = False  # also of all views that are made of x from now on
    return x
