"""Plans: the calls of a pass over a batch, recorded once and then made without Python around them.

A forward pass over a few images, or a training step of a small network, spends most of its time
between the C calls: on checks, on choosing kernels, on tables and on making arrays. None of that
depends on the numbers in the arrays. So a plan lets the layers run once, keeps the list of calls
with the addresses of their arrays, and then is that list: `run` says where the given arrays are
now, makes the calls, and returns the arrays that they fill. Calls of C that follow one another are
made by one call (repeated.py). The results have the same bits as those of the layers.

A plan is made only where recorded calls are all that happens to the numbers: those of C functions
(`Call`), and those of NumPy that kernels make by `fill` (recording.py). This is checked while they
are recorded:

- a call may read from the given arrays, and from what an earlier call wrote. A NumPy call without
  `fill` returns an array that the recorder does not know: if a later call reads it, or the result
  is in it, no plan is made;
- what a call has written is read-only from then on: if NumPy code writes into it, no plan is made.

What cannot be seen is code that reads a number and decides by it. So only networks whose layers and
loss are all of xpcnn are recorded: `may_record`. A C function that serves some values only says so
(NOT_SERVED), and then the layers run.

Given arrays are read where they are, if they have the memory order of the first ones; NumPy calls
read copies of them.
"""

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from .. import memory
from ..layout import Array
from ..recording import listening
from ..threads import sharing_threads
from . import winograd
from .recorder import Arena, InC, InNumPy, NotRecordableError, Place, Recorder, aligned_memory
from .repeated import Repeated
from .shared_library import address, serves

MOST_BYTES = 1 << 27  # of the plans of a function: where arrays take more, Python takes little time
MOST_PLANS = 4  # of a function

Run = Callable[..., Any]


class Given:
    """An array that a plan is given with each run, and where calls read it.

    memory: the plan's own, where calls read while they are recorded; later it has the given array
    where they cannot read that itself: in another memory order, not aligned, or read by a NumPy
    call.
    """

    def __init__(self, x: Array, *, samples_last: bool) -> None:
        like = np.empty_like(x)
        if samples_last:
            like = np.moveaxis(np.empty((*x.shape[1:], len(x)), x.dtype), -1, 0)
        self.shape, self.dtype, self.strides = x.shape, x.dtype, like.strides
        self.is_copied = False
        self.pointers: list[tuple[Any, int, int]] = []  # words that point into it, and how far
        self.last: Array | None = None
        self.row: Array | None = None  # the bytes of the memory
        memory = self.memory
        memory[...] = x
        self.start = address(memory)

    @property
    def memory(self) -> Array:
        if self.row is None:
            self.row = aligned_memory(math.prod(self.shape) * self.dtype.itemsize)
        return np.ndarray(self.shape, self.dtype, self.row, 0, self.strides)

    def view(self, place: Place) -> Array:
        """Return the array at a place within it."""
        return np.ndarray(place.shape, place.dtype, self.row, place.offset, place.strides)

    def release(self) -> None:
        """Give the memory up until it is needed, if that is not in every run."""
        if not self.is_copied:
            self.row = None

    def becomes(self, x: Array) -> bool:
        """Let the calls read x; return whether it has the shape and dtype of the first."""
        if x is self.last:
            return True
        if x.shape != self.shape or x.dtype != self.dtype:
            return False
        if self.is_copied or not self._is_laid_out_as(x):
            memory = self.memory
            memory[...] = x
            x = memory
        self.last = x
        if (start := address(x)) != self.start:
            for words, i, offset in self.pointers:
                words[i] = start + offset
            self.start = start
        return True

    def _is_laid_out_as(self, x: Array) -> bool:
        """Whether calls can read x as they read the memory."""
        if x.strides != self.strides:
            axes = zip(x.shape, x.strides, self.strides, strict=True)
            if any(a != b for length, a, b in axes if length > 1):
                return False
        return x.flags.aligned


class Plan:
    """The calls of run(x, *others) for x of one shape.

    result: what run returned, whose arrays each run fills.
    """

    def __init__(self, run: Run, x: Array, others: tuple[Any, ...]) -> None:
        """Run once and record.

        Raises:
            NotRecordableError: recorded calls are not all that happens.
        """
        self.lock = threading.Lock()
        arrays, self.constants = _leaves(others)  # kept, so that no other object gets their ids
        self.given = [Given(x, samples_last=True)]
        self.given += [Given(a, samples_last=False) for a in arrays]
        recorder = Recorder([given.memory for given in self.given], MOST_BYTES)
        first, *own = (_read_only(given.memory) for given in self.given)
        left = iter(own)
        listening.recording = recorder
        try:
            result = run(first, *_mapped(others, lambda x: next(left)))
            results, rest = _leaves(result)
            if any(one is not None for one in rest):  # such as NumPy's scalars: no call fills them
                raise NotRecordableError
            places = iter([recorder.written(a) for a in results])
        except ValueError as error:  # NumPy code writes into what a call has written
            raise NotRecordableError from error
        finally:
            listening.recording = None
        memory.trim()  # else the memory of this pass would stay beside the arena's
        self.tables, self.arena = recorder.tables, Arena(recorder.blocks, MOST_BYTES)
        self.bytes = self.arena.bytes
        self.calls = self._repeated(recorder.calls)
        self.result = _mapped(result, lambda a: self._view(next(places)))
        for given in self.given:
            given.release()

    def _repeated(self, calls: list[InC | InNumPy]) -> list[Callable[[], Any]]:
        """Return functions that make the recorded calls in the arena: those of C after another by
        one."""
        made: list[list[InC] | Callable[[], Any]] = []
        for call in calls:
            if isinstance(call, InNumPy):
                made.append(self._filling(call))
            elif made and isinstance(made[-1], list):
                made[-1].append(call)
            else:
                made.append([call])
        return [self._in_c(one) if isinstance(one, list) else one for one in made]

    def _in_c(self, calls: list[InC]) -> Repeated:
        arguments = [a for call in calls for a in call.arguments]
        repeated = Repeated([(call, [self._held(a) for a in held]) for call, held in calls])
        for i, place in enumerate(arguments):
            if isinstance(place, Place) and place.given is not None:
                given = self.given[place.given]
                given.pointers.append((repeated.words, i, repeated.words[i] - given.start))
        return repeated

    def _held(self, argument: Any) -> Any:
        return self._view(argument) if isinstance(argument, Place) else argument

    def _filling(self, call: InNumPy) -> Callable[[], Any]:
        for place in call.places:
            if place.given is not None:
                self.given[place.given].is_copied = True
        *arrays, out = map(self._view, call.places)
        return partial(call.function, *arrays, out=out, **call.options)

    def _view(self, place: Place) -> Array:
        return (self.arena if place.given is None else self.given[place.given]).view(place)

    def fits(self, arrays: list[Array]) -> bool:
        """Let the calls read these arrays; return whether the plan is for such ones."""
        return len(arrays) == len(self.given) and all(map(Given.becomes, self.given, arrays))

    def run(self) -> Any:
        """Return the result; NotImplemented if a call does not serve the values in the arrays."""
        for call in self.calls:
            if call() is NotImplemented:
                return NotImplemented
        return self.result


class Replay:
    """Calls a function by plans: replay(run, key, x, *others) returns run(x, *others).

    may_record: may_record(*others) says whether run does the same whatever numbers are in the
        arrays.
    lent: how many of the first items of the result, a tuple, are lent: the next call fills their
        arrays again. All others are new.
    """

    def __init__(self, may_record: Callable[..., bool], lent: int = 0) -> None:
        self.may_record, self.lent = may_record, lent
        self.plans: dict[Any, Plan | None] = {}

    def __call__(self, run: Run, key: Any, x: Any, *others: Any) -> Any:
        """Return run(x, *others).

        run: computes arrays of x, of the arrays, whole numbers and other objects in `others`, which
            may be nested dictionaries and tuples, and of what never changes while `key` is the
            same. While it is recorded, whole numbers are 0-d arrays.
        """
        is_served = type(x) is np.ndarray and serves(x) and x.nbytes <= MOST_BYTES
        if not is_served or listening.recording is not None:
            return run(x, *others)
        arrays, constants = _leaves(others)
        key = key, *map(id, constants), x.shape, sharing_threads(), winograd.is_on()
        plan = self.plans[key] if key in self.plans else self._made(key, run, x, others)
        if plan is None or not plan.lock.acquire(blocking=False):  # another thread runs it
            return run(x, *others)
        try:
            if not plan.fits([x, *arrays]):
                del self.plans[key]
                return run(x, *others)
            result = plan.run()
            if result is NotImplemented:
                return run(x, *others)
            if self.lent == 0:
                return _mapped(result, _copy)
            return *result[: self.lent], *_mapped(result[self.lent :], _copy)
        finally:
            plan.lock.release()

    def _made(self, key: Any, run: Run, x: Array, others: tuple[Any, ...]) -> Plan | None:
        plan: Plan | None = None
        if self.may_record(*others):
            with suppress(NotRecordableError, BufferError):
                plan = Plan(run, x, others)
        kept = {**self.plans, key: plan}
        while len(kept) > MOST_PLANS or sum(p.bytes for p in kept.values() if p) > MOST_BYTES:
            del kept[next(iter(kept))]  # the oldest
        self.plans = kept
        return plan

    def __deepcopy__(self, memo: dict[int, Any]) -> "Replay":
        return Replay(self.may_record, self.lent)


def _leaves(tree: Any) -> tuple[list[Array], list[Any]]:
    """Return the arrays that nested dictionaries and tuples hold, and all else that they hold.

    Whole numbers and NumPy's scalars count as arrays.
    """
    arrays: list[Array] = []
    others: list[Any] = []
    _add_leaves((tree,), arrays, others)
    return arrays, others


def _add_leaves(tree: Any, arrays: list[Array], others: list[Any]) -> None:
    # not a function within `_leaves`: as a reference cycle, it would keep the arrays of each step
    for inner in tree.values() if isinstance(tree, dict) else tree:
        if type(inner) is np.ndarray:
            arrays.append(inner)
        elif isinstance(inner, dict | tuple):
            if inner:  # many layers have no parameters
                _add_leaves(inner, arrays, others)
        elif _is_number(inner):
            arrays.append(np.asarray(inner))
        else:
            others.append(inner)


def _mapped(tree: Any, function: Callable[[Array], Array]) -> Any:
    """Return nested dictionaries and tuples with function(x) for each array or number x."""
    if isinstance(tree, dict):
        return {name: _mapped(inner, function) for name, inner in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_mapped(inner, function) for inner in tree)
    return function(tree) if type(tree) is np.ndarray or _is_number(tree) else tree


def _is_number(x: Any) -> bool:
    return type(x) is int or isinstance(x, np.generic)


def _copy(x: Array) -> Array:
    return x.copy(order="K")


def _read_only(x: Array) -> Array:
    x = x[...]
    x.flags.writeable = False  # also of all views that are made of x from now on
    return x
