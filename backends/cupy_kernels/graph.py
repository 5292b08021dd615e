"""The forward and backward pass of training as one CUDA graph: recorded once, then one launch.

A small network is bound by the Python between its launches. With XPCNN_CUDA_KERNELS=graph the first
pass over a batch runs as ever, which compiles its kernels. The second is captured: a stream of its
own notes the launches, with their arguments, and runs none. From then on a pass is: copy what is
given (batch, parameters, buffers, number of the pass) to the fixed places that the graph reads,
launch the graph, and copy what it made to new arrays, all but the gradients, which the update reads
before the next pass fills them again. The kernels are those of eager passes, and so are the bits.

One graph is kept, of the first shapes: the last batch of an epoch, if it is smaller, runs eagerly.
So does everything where the capture fails, with a warning that says why. No GPU has run this.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from .cuda import THREADS, Array, Cuda, as_argument

Run = Callable[..., Any]

MOST_COPIES = 120  # of a launch, which takes at most 4 KB of arguments
COPY = numpy.dtype(
    [(name, numpy.uint64) for name in ("source", "target", "bytes")]
    + [("first_block", numpy.uint64)]
)
COPIES = numpy.dtype([("at", COPY, (MOST_COPIES,))])
BYTES = 4 * THREADS  # that a block copies


class Replay:
    """replay(run, key, x, *others) returns run(x, *others); see `xpcnn.backend.Backend.replay`."""

    def __init__(self, cuda: Cuda, may_record: Callable[..., bool], lent: int) -> None:
        self._cuda, self._may_record, self._lent = cuda, may_record, lent
        self._key: Any = None  # of the pass that is captured, or will be
        self._kept: list[Any] = []  # so that no other object gets their ids
        self._graph: Graph | None = None
        self._is_off = False

    def __call__(self, run: Run, key: Any, x: Any, *others: Any) -> Any:
        """Return run(x, *others), by the graph if it is that of these shapes and this key."""
        arrays, constants = leaves((x, *others), self._cuda.array_type)
        shapes = [(a.shape, str(a.dtype)) for a in arrays if not isinstance(a, int)]
        key = key, *map(id, constants), *shapes
        if self._key is None and self._may_record(*others):
            self._key, self._kept = key, constants
            return run(x, *others)  # compiles the kernels, which no capture may
        if key != self._key or self._is_off:
            return run(x, *others)
        if self._graph is None:
            try:
                self._graph = Graph(self._cuda, run, (x, *others), self._lent)
            except (NotImplementedError, RuntimeError) as error:  # CuPy's, in a capture
                self._is_off = True
                reason = str(error).partition("\n")[0]
                warnings.warn(f"no CUDA graph, steps run eagerly: {reason}", stacklevel=2)
                return run(x, *others)
        return self._graph.launch(arrays)


class Graph:
    """The launches of run(*given), captured, with the memory that they use."""

    def __init__(self, cuda: Cuda, run: Run, given: tuple[Any, ...], lent: int) -> None:
        """Capture; nothing is computed until `launch`.

        Raises:
            NotImplementedError, RuntimeError: of CuPy, if run does what cannot be captured.
        """
        self._cuda, self._lent = cuda, lent
        self._places: list[Array] = []

        def place(x: Any) -> Array:
            made = cuda.empty((), "uint64") if isinstance(x, int) else cuda.empty(x.shape, x.dtype)
            self._places.append(made)
            return made

        with cuda.captured() as end:
            given = mapped(given, place, (cuda.array_type, int))
            result = run(*given)
            self._result = mapped(result, cuda.ordered, (cuda.array_type,))
            self._graph = end()

    def launch(self, arrays: list[Any]) -> Any:
        """Return the result for the arrays and whole numbers that are given."""
        pairs = []
        for x, at in zip(arrays, self._places, strict=True):
            if isinstance(x, int):
                self._cuda.blocks("copies.cu", "set_number", (1,), 1, numpy.uint64(x), at)
            else:
                pairs.append((self._cuda.ordered(x), at))
        copy_all(self._cuda, pairs)
        self._graph.launch()
        pairs = []

        def copied(x: Array) -> Array:
            pairs.append((x, self._cuda.empty(x.shape, x.dtype)))
            return pairs[-1][1]

        new = mapped(self._result[self._lent :], copied, (self._cuda.array_type,))
        copy_all(self._cuda, pairs)
        return *self._result[: self._lent], *new


def copy_all(cuda: Cuda, pairs: Sequence[tuple[Array, Array]]) -> None:
    """Copy each first array of the pairs to the second, in C order both, in one launch for many."""
    for first in range(0, len(pairs), MOST_COPIES):
        chunk = pairs[first : first + MOST_COPIES]
        table, blocks = numpy.zeros((), COPIES), 0
        for row, (source, target) in zip(table["at"], chunk, strict=False):
            row["source"], row["target"] = source.data.ptr, target.data.ptr
            row["bytes"], row["first_block"] = source.nbytes, blocks
            blocks += -(-source.nbytes // BYTES)
        cuda.blocks(
            "copies.cu",
            "copy_all",
            (blocks,),
            THREADS,
            numpy.uint32(len(chunk)),
            as_argument(table),
        )


def leaves(tree: Any, array_type: type) -> tuple[list[Any], list[Any]]:
    """Return the arrays and whole numbers of nested dictionaries and tuples, and all else."""
    arrays: list[Any] = []
    others: list[Any] = []

    def add(inner: Any) -> None:
        if isinstance(inner, dict | tuple):
            for part in inner.values() if isinstance(inner, dict) else inner:
                add(part)
        elif type(inner) in (array_type, int):
            arrays.append(inner)
        else:
            others.append(inner)

    add(tree)
    return arrays, others


def mapped(tree: Any, function: Callable[[Any], Any], types: tuple[type, ...]) -> Any:
    """Return nested dictionaries and tuples with function(x) for each x of one of the types."""
    if isinstance(tree, dict):
        return {name: mapped(inner, function, types) for name, inner in tree.items()}
    if isinstance(tree, tuple):
        return tuple(mapped(inner, function, types) for inner in tree)
    return function(tree) if type(tree) in types else tree
