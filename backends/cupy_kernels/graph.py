"""A whole training step as one CUDA graph: recorded once, then one launch.

A small network is bound by the Python between its launches. With XPCNN_CUDA_KERNELS=graph the first
step runs as ever, which compiles its kernels. The second is captured: a stream of its own notes the
launches, with their arguments, and runs none. From then on a step is three launches:

    copies      of the indices of the samples, the learning rate, and the numbers of step and pass
                to the fixed places that the graph reads; of a batch that was made outside; of the
                state too, where it is not what the last step returned
    the graph   the batch, from the data on the device; forward, backward and update of the state,
                which it leaves in its places
    copies      of the state to new memory, for the caller to keep

The kernels are those of eager steps, and so are the bits. A graph writes into memory that its
capture has freed: it is of a pool of its own, which lives as long. A smaller last batch gets a
graph too, in the same pool, as the two never run at once. Where a capture fails, steps run eagerly,
with a warning; `Steps.problem` says why. No GPU has run this.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import numpy

from .cuda import THREADS, Array, Cuda, as_argument

Run = Callable[..., Any]

MOST_GRAPHS = 2  # of a recipe: full batches and the last one
ALIGNMENT = 256  # bytes, as of memory that cudaMalloc returns
MOST_COPIES = 120  # of a launch, which takes at most 4 KB of arguments
COPIES = numpy.dtype([("at", numpy.uint64, (MOST_COPIES, 4))])
BYTES = 4 * THREADS  # that a block copies

Pair = tuple[Any, Array]
"""An array or a whole number, and the array that gets it."""


class Steps:
    """steps(run, key, state, *given) returns run(state, *given); see `Backend.compile_step`.

    problem: why no step is captured any more; None while there is no reason.
    wants_batches: what makes a batch is captured with its step.
    """

    wants_batches = True

    def __init__(self, cuda: Cuda, may_record: Callable[[Any], bool]) -> None:
        self.problem: str | None = None
        self._cuda, self._may_record = cuda, may_record
        self._stream, self._pool = cuda.stream_and_pool()
        self._key: Any = None
        self._state: State | None = None
        self._graphs: dict[Any, Graph | None] = {}  # None: the kernels are compiled

    def __call__(self, run: Run, key: Any, state: Any, *given: Any) -> Any:
        """Return run(state, *given), by the graph of this key and these shapes if there is one."""
        if self.problem is not None:
            return run(state, *given)
        if key is not self._key:
            if not self._may_record(key):
                return run(state, *given)
            self._key, self._state, self._graphs = key, None, {}
        inputs = list(leaves(given))
        shapes = tuple(None if isinstance(x, int) else (x.shape, x.dtype) for x in inputs)
        if shapes not in self._graphs:
            if len(self._graphs) < MOST_GRAPHS:
                self._graphs[shapes] = None
            return run(state, *given)
        if (graph := self._graphs[shapes]) is None:
            try:
                graph = self._graphs[shapes] = self._captured(run, state, given)
            except (MemoryError, NotImplementedError, RuntimeError) as error:  # CuPy's, captured
                reason = str(error).partition("\n")[0]
                self.problem = f"no CUDA graph, steps run eagerly: {reason}"
                self._state, self._graphs, self._pool = None, {}, None
                warnings.warn(self.problem, stacklevel=2)
                return run(state, *given)
        assert self._state is not None
        copy_all(self._cuda, [*zip(inputs, graph.places, strict=True), *self._state.changed(state)])
        graph.launch()
        return self._state.copied()

    def _captured(self, run: Run, state: Any, given: Any) -> "Graph":
        self._cuda.free_unused()  # what the eager step needed: the graph has memory of its own
        with self._cuda.captured(self._stream, self._pool) as end:
            if self._state is None:
                self._state = State(self._cuda, state)
            return Graph(self._cuda, run, self._state, given, end)


class State:
    """What steps change, in fixed places: each part of a tuple in one piece of memory."""

    def __init__(self, cuda: Cuda, state: Any) -> None:
        self._cuda = cuda
        self._layouts = [Layout(part) for part in state]
        self._blocks = [cuda.empty((layout.size,), "uint8") for layout in self._layouts]
        self.places = self._views(self._blocks)
        self._last = self._none = tuple((None,) * len(part) for part in state)

    def changed(self, state: Any) -> Iterator[Pair]:
        """Yield what is not the very state that `copied` returned last, with its places."""
        last, self._last = self._last, self._none  # all, if the step that begins now never ends
        for part, before, places in zip(state, last, self.places, strict=True):
            for item, same, place in zip(part, before, places, strict=True):
                if item is not same:
                    yield from zip(leaves(item), leaves(place), strict=True)

    def replace(self, state: Any) -> None:
        """Copy what a step returns to the places that it has read.

        A result that lies in one of these places, but not in its own, is first moved elsewhere.
        """
        pairs = [
            (x, place)
            for x, place in zip(leaves(state), leaves(self.places), strict=True)
            if x.data.ptr != place.data.ptr
        ]
        inside = [(x, self._cuda.empty(x.shape, x.dtype)) for x, _ in pairs if self._holds(x)]
        copy_all(self._cuda, inside)
        moved = {id(x): copy for x, copy in inside}
        copy_all(self._cuda, [(moved.get(id(x), x), place) for x, place in pairs])

    def copied(self) -> Any:
        """Return the state in new memory."""
        new = [self._cuda.empty(block.shape, "uint8") for block in self._blocks]
        copy_all(self._cuda, list(zip(self._blocks, new, strict=True)))
        self._last = self._views(new)
        return self._last

    def _views(self, blocks: Sequence[Array]) -> Any:
        pairs = zip(self._layouts, blocks, strict=True)
        return tuple(layout.views(self._cuda, block) for layout, block in pairs)

    def _holds(self, x: Array) -> bool:
        starts = ((block.data.ptr, block.nbytes) for block in self._blocks)
        return any(start <= x.data.ptr < start + size for start, size in starts)


class Layout:
    """Where the arrays of nested dictionaries and tuples lie in one piece of memory."""

    def __init__(self, tree: Any) -> None:
        self._places: list[tuple[int, Any, Any]] = []
        self.size = 0
        for x in leaves(tree):
            self._places.append((self.size, x.shape, x.dtype))
            self.size += -(-x.nbytes // ALIGNMENT) * ALIGNMENT
        numbers = count()
        self._tree = mapped(tree, lambda _: next(numbers))

    def views(self, cuda: Cuda, block: Array) -> Any:
        """Return the arrays of a block, nested as the tree was."""
        return mapped(self._tree, lambda i: cuda.view(block, *self._places[i]))


class Graph:
    """The launches of a step, captured."""

    def __init__(
        self, cuda: Cuda, run: Run, state: State, given: Any, end: Callable[[], Any]
    ) -> None:
        """Capture; nothing is computed until `launch`."""

        def place(x: Any) -> Array:
            return cuda.empty((), "uint64") if isinstance(x, int) else cuda.empty(x.shape, x.dtype)

        places = mapped(given, place)
        self.places = list(leaves(places))
        state.replace(run(state.places, *places))
        self._graph = end()

    def launch(self) -> None:
        """Run all that was captured."""
        self._graph.launch()


def copy_all(cuda: Cuda, pairs: Sequence[Pair]) -> None:
    """Copy to arrays in C order, in one launch for many."""
    for first in range(0, len(pairs), MOST_COPIES):
        rows, kept, blocks = [], [], 0
        for x, target in pairs[first : first + MOST_COPIES]:
            source, size = x, 0  # a number
            if not isinstance(x, int):
                assert (x.shape, x.dtype) == (target.shape, target.dtype)
                if x.nbytes == 0:
                    continue
                kept.append(cuda.ordered(x))
                source, size = kept[-1].data.ptr, x.nbytes
            rows.append((source, target.data.ptr, size, blocks))
            blocks += -(-size // BYTES) or 1
        if not rows:
            continue
        table = numpy.zeros((), COPIES)
        table["at"][: len(rows)] = rows
        given = numpy.uint32(len(rows)), as_argument(table)
        cuda.blocks("copies.cu", "copy_all", (blocks,), THREADS, *given)


def leaves(tree: Any) -> Iterator[Any]:
    """Yield what nested dictionaries and tuples hold."""
    if isinstance(tree, dict | tuple):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(inner)
    else:
        yield tree


def mapped(tree: Any, function: Callable[[Any], Any]) -> Any:
    """Return nested dictionaries and tuples with function(x) for each x that they hold."""
    if isinstance(tree, dict):
        return {name: mapped(inner, function) for name, inner in tree.items()}
    if isinstance(tree, tuple):
        return tuple(mapped(inner, function) for inner in tree)
    return function(tree)
