"""cuDNN on one device: the engines that it proposes for a convolution, and how one is executed.

Engines are left out that do not give the same bits every time, that need too much memory, or that
round more than the dtype says. Arrays come and go in C order, as other kernels have them; for an
engine of the order NHWC they are copied. Nothing waits for the device. No GPU has run this.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from .conv_choices import MODES, ORDERS, Engine
from .cuda import Array, Cuda
from .cudnn import Api, CudnnError, Descriptor
from .cudnn_graph import ALIGNMENT, IDS, Convolution, engines, graph_of, plan_of
from .orders import nchw, nhwc

MOST_TRIED = 8
"""Engines of each order of memory that are timed. The number is a guess."""
MOST_WORKSPACE = 2**28
"""Bytes of memory that an engine may need beside its arrays. Not measured."""

ALLOWED = frozenset({"STRICT_NAN_PROP", "WINOGRAD", "WINOGRAD_TILE_4x4"})
"""Notes of engines that round as sums of products in float32 do. Tiles of 4 x 4 pixels are
Winograd's F(2x2, 3x3), whose factors are exact but for one rounding; larger tiles round more."""
TENSOR_CORES = frozenset({"TENSOR_CORE", "DOWN_CONVERT_INPUTS"})
"""Notes of engines that round factors of float32 to TF32; in half precision they round nothing."""


class Plan(NamedTuple):
    """What executes a convolution: an engine, its plan, and the bytes that it needs beside."""

    engine: Engine
    descriptor: Descriptor
    workspace: int


class Cudnn:
    """cuDNN on the current device."""

    def __init__(self, cuda: Cuda, api: Api) -> None:
        self._cuda, self._api, self.version = cuda, api, api.version
        self._handle = api.handle()
        self._lock = threading.Lock()

    def plans(self, convolution: Convolution) -> Iterator[Plan]:
        """Yield the first plans of each order of memory that may be used."""
        for order in ORDERS:
            plans = (plan for mode in MODES for plan in self._proposed(convolution, order, mode))
            yield from islice(plans, MOST_TRIED)

    def again(self, convolution: Convolution, known: Engine) -> Plan | None:
        """Return the plan of an engine that was chosen earlier, if it is still proposed there."""
        for plan in self._proposed(convolution, known.order, known.mode):
            if plan.engine == known:
                return plan
        return None

    def _proposed(self, convolution: Convolution, order: str, mode: str) -> Iterator[Plan]:
        """Yield the plans of cuDNN's proposals that may be used."""
        try:
            graph = graph_of(self._api, convolution, order, self._handle)
            proposals = list(engines(self._api, graph, mode))
        except CudnnError:  # it has none
            return
        for place, engine in enumerate(proposals):
            if engine.notes <= allowed(convolution):
                with suppress(CudnnError):  # the engine does not serve this case
                    plan, workspace = plan_of(self._api, engine.config, self._handle)
                    if workspace <= MOST_WORKSPACE:
                        yield Plan(Engine(order, mode, place, engine.number), plan, workspace)

    def execute(self, convolution: Convolution, plan: Plan, inputs: Sequence[Array]) -> Array:
        """Return the result in C order.

        inputs: the arrays of `Convolution.arrays`, all but the last.

        Raises:
            CudnnError: the engine fails.
        """
        last = plan.engine.order == "NHWC"
        names = convolution.arrays
        given = [self._aligned(nhwc(self._cuda, x) if last and x.ndim == 4 else x) for x in inputs]
        shape = convolution.shape(names[-1])
        n, c, h, w = shape
        out = self._cuda.empty((n, h, w, c) if last else shape, convolution.dtype)
        room = self._cuda.empty((plan.workspace,), "uint8") if plan.workspace else None
        addresses = [int(x.data.ptr) for x in (*given, out)]
        with self._lock:  # the stream of the handle is one
            self._api.call("cudnnSetStream", self._handle, self._cuda.stream())
            at = 0 if room is None else int(room.data.ptr)
            ids = [IDS[name] for name in names]
            self._api.execute(self._handle, plan.descriptor, ids, addresses, at)
        return nchw(self._cuda, out) if last else out

    def _aligned(self, x: Array) -> Array:
        """Return x in C order, a copy if it has another or begins where engines cannot read it."""
        x = self._cuda.ordered(x)
        return self._cuda.copied(x) if x.data.ptr % ALIGNMENT else x


def allowed(convolution: Convolution) -> frozenset[str]:
    """Return the notes that an engine for a convolution may have."""
    is_exact = convolution.dtype == "float32" and not convolution.tf32
    return ALLOWED if is_exact else ALLOWED | TENSOR_CORES
