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

- a call may read from the given arrays, from what an earlier call wrote, and from constants, which
  are read-only from the beginning. A NumPy call without `fill` returns an array that the recorder
  does not know: if a later call reads it, or the result is in it, no plan is made;
- what a call has written is read-only from then on: if NumPy code writes into it, no plan is made.

What cannot be seen is code that reads a number and decides by it. So only networks whose layers and
loss are all of xpcnn are recorded: `may_record`. A C function that serves some values only says so
(NOT_SERVED), and then the layers run.

Given arrays are read where they are, if they have the memory order of the first ones; NumPy calls
read copies of them.
"""

import threading
from collections import Counter
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
from .recorder import Arena, InC, InNumPy, NotRecordableError, Place, Recorder
from .repeated import Repeated
from .run_arrays import Fresh, Given, is_whole
from .shared_library import serves

MOST_BYTES = 1 << 27  # of the plans of a function: where arrays take more, Python takes little time
MOST_PLANS = 4  # of a function
COPIED = 1 << 14  # bytes of a result, up to which a copy takes less time than other memory
ZERO = np.zeros(())

Run = Callable[..., Any]


class Plan:
    """The calls of run(*given), where the first of the given arrays have one shape.

    lent: of how many items of the result each run fills the same arrays.
    """

    def __init__(self, run: Run, given: tuple[Any, ...], lent: int) -> None:
        """Run once and record.

        Raises:
            NotRecordableError: recorded calls are not all that happens.
        """
        self.lock = threading.Lock()
        arrays, self.others = _leaves(given)  # kept, so that no other object gets their ids
        self.given = [Given(x, samples_last=i == 0) for i, x in enumerate(arrays)]
        recorder = Recorder([given.memory for given in self.given], MOST_BYTES)
        left = (_read_only(given.memory) for given in self.given)
        listening.recording = recorder
        try:
            result = run(*_mapped(given, lambda x: next(left)))
            results, rest = _leaves(result)
            if any(one is not None for one in rest):  # such as NumPy's scalars: no call fills them
                raise NotRecordableError
            places = [recorder.written(a) for a in results]
        except ValueError as error:  # NumPy code writes into what a call has written
            raise NotRecordableError from error
        finally:
            listening.recording = None
        kept = len(_leaves(result[:lent])[0]) if lent else 0
        self.form = _mapped(result, lambda x: ZERO)  # of the result
        del result, results
        memory.trim()  # else the memory of this pass would stay beside the arena's
        self.fresh = _fresh(places[kept:], recorder)
        self.constants, self.arena = recorder.constants, Arena(recorder.blocks, MOST_BYTES)
        self.bytes = self.arena.bytes
        self.calls = self._repeated(recorder.calls)
        self.leaves = [self._leaf(place, is_lent=i < kept) for i, place in enumerate(places)]
        for one in self.given:
            one.release()

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
            if isinstance(place, Place) and not isinstance(home := self._home(place), Arena):
                home.pointers.add(repeated.words, i)
        return repeated

    def _held(self, argument: Any) -> Any:
        return self._view(argument) if isinstance(argument, Place) else argument

    def _filling(self, call: InNumPy) -> Callable[[], Any]:
        for place in call.places:
            if place.given is not None:
                self.given[place.given].is_copied = True
        *arrays, out = map(self._view, call.places)
        return partial(call.function, *arrays, out=out, **call.options)

    def _home(self, place: Place) -> Arena | Given | Fresh:
        if place.given is not None:
            return self.given[place.given]
        assert place.block is not None
        return self.fresh.get(place.block, self.arena)

    def _view(self, place: Place) -> Array:
        return self._home(place).view(place)

    def _leaf(self, place: Place, *, is_lent: bool) -> Callable[[], Array]:
        """Return a function that returns an array of the result, after a run."""
        home = self._home(place)
        if isinstance(home, Fresh):
            return home.taken
        x = home.view(place)
        return (lambda: x) if is_lent else partial(x.copy, "K")

    def fits(self, arrays: list[Array]) -> bool:
        """Let the calls read these arrays; return whether the plan is for such ones."""
        return len(arrays) == len(self.given) and all(map(Given.becomes, self.given, arrays))

    def run(self) -> Any:
        """Return the result; NotImplemented if a call does not serve the values in the arrays."""
        for fresh in self.fresh.values():
            fresh.renew()
        for call in self.calls:
            if call() is NotImplemented:
                return NotImplemented
        left = iter(self.leaves)
        return _mapped(self.form, lambda x: next(left)())


class Replay:
    """Calls a function by plans: replay(run, key, *given) returns run(*given).

    may_record: may_record(*others) says whether run(x, *others) does the same whatever numbers are
        in the arrays.
    lent: how many of the first items of the result, a tuple, are lent: the next call fills their
        arrays again. All others are new.
    """

    def __init__(self, may_record: Callable[..., bool], lent: int = 0) -> None:
        self.may_record, self.lent = may_record, lent
        self.plans: dict[Any, Plan | None] = {}

    def __call__(self, run: Run, key: Any, *given: Any) -> Any:
        """Return run(*given).

        run: computes arrays of the arrays, whole numbers and other objects in `given`, which may be
            nested dictionaries and tuples and begin with an array, and of what never changes while
            `key` is the same. While it is recorded, whole numbers are 0-d arrays.
        """
        x: Any = given
        while isinstance(x, tuple):
            x = x[0]
        is_served = type(x) is np.ndarray and serves(x) and x.nbytes <= MOST_BYTES
        if not is_served or listening.recording is not None:
            return run(*given)
        arrays, constants = _leaves(given)
        key = key, *map(id, constants), x.shape, sharing_threads(), winograd.is_on()
        plans = self.plans  # other threads replace it, and change none
        plan = plans[key] if key in plans else self._made(key, run, given)
        if plan is None or not plan.lock.acquire(blocking=False):  # another thread runs it
            return run(*given)
        try:
            if not plan.fits(arrays):
                self.plans = {other: kept for other, kept in self.plans.items() if other != key}
                return run(*given)
            result = plan.run()
            return run(*given) if result is NotImplemented else result
        finally:
            plan.lock.release()

    def _made(self, key: Any, run: Run, given: tuple[Any, ...]) -> Plan | None:
        plan: Plan | None = None
        if self.may_record(*given[1:]):
            with suppress(NotRecordableError, BufferError):
                plan = Plan(run, given, self.lent)
        kept = {**self.plans, key: plan}
        while len(kept) > MOST_PLANS or sum(p.bytes for p in kept.values() if p) > MOST_BYTES:
            del kept[next(iter(kept))]  # the oldest
        self.plans = kept
        return plan

    def __deepcopy__(self, memo: dict[int, Any]) -> "Replay":
        return Replay(self.may_record, self.lent)


def _fresh(places: list[Place], recorder: Recorder) -> dict[int, Fresh]:
    """Return large results that lie in new memory with each run, by their blocks: arrays that no
    other result shares and that calls of C alone touch. The arena has no place for them."""
    count = Counter(place.block for place in places)
    count.update(p.block for c in recorder.calls if isinstance(c, InNumPy) for p in c.places)
    fresh: dict[int, Fresh] = {}
    for place in places:
        assert place.block is not None
        block = recorder.blocks[place.block]
        is_alone = count[place.block] == 1 and is_whole(place, block.bytes)
        if is_alone and block.bytes > COPIED:
            fresh[place.block] = Fresh(place)
            block.bytes = 0
    return fresh


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


def _read_only(x: Array) -> Array:
    x = x[...]
    x.flags.writeable = False  # also of all views that are made of x from now on
    return x
