"""cuDNN on one device: convolutions, each by the engine that was the fastest in a trial.

The first time that a convolution is computed, the engines that cuDNN proposes for it run a few
times each, with images in both orders of memory, the copies between these orders included: arrays
come and go in C order, as other kernels have them. From then on the fastest one runs. Engines are
left out that do not give the same bits every time, that need too much memory, or that round more
than the dtype says. Nothing but a trial waits for the device, and none can be in the capture of a
CUDA graph: a step runs once before it is captured. No GPU has run this.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from .cuda import Array, Cuda
from .cudnn import Api, CudnnError, Descriptor
from .cudnn_choices import MODES, ORDERS, Choice, Choices
from .cudnn_graph import ALIGNMENT, IDS, Convolution, engines, graph_of, plan_of

MOST_TRIED = 8
"""Engines that are tried in each order of memory. Not measured."""
MOST_WORKSPACE = 2**28
"""Bytes of memory that an engine may need beside its arrays. Not measured."""
RUNS, BLOCKS = 5, 3  # of an engine in a trial: the time is that of the fastest block

ALLOWED = frozenset({"STRICT_NAN_PROP", "WINOGRAD", "WINOGRAD_TILE_4x4"})
"""Notes of engines that round as sums of products in float32 do. Tiles of 4 x 4 pixels are
Winograd's F(2x2, 3x3), whose factors are exact but for one rounding; larger tiles round more."""
TENSOR_CORES = frozenset({"TENSOR_CORE", "DOWN_CONVERT_INPUTS"})
"""Notes of engines that round factors of float32 to TF32; in half precision they round nothing."""


class Plan(NamedTuple):
    """What executes a convolution: a choice, its plan, and the bytes that it needs beside."""

    choice: Choice
    descriptor: Descriptor
    workspace: int


class Cudnn:
    """cuDNN on the current device.

    choices: what was chosen before for this device, and what will be.
    """

    def __init__(self, cuda: Cuda, api: Api, identity: Mapping[str, str]) -> None:
        self._cuda, self._api, self.version = cuda, api, api.version
        self._handle = api.handle()
        self._lock = threading.Lock()
        self.choices = Choices({**identity, "cudnn": api.version})
        self._candidates: dict[Convolution, list[Plan]] = {}
        self._chosen: dict[Convolution, Plan] = {}

    def serves(self, convolution: Convolution) -> bool:
        """Whether an engine computes it; asks cuDNN once."""
        if convolution in self._chosen:
            return True
        if convolution not in self._candidates:
            known = self.choices.known.get(str(convolution))
            if known is not None and (plan := self._again(convolution, known)) is not None:
                self._chosen[convolution] = plan
                return True
            self._candidates[convolution] = [
                plan for order in ORDERS for plan in self._to_try(convolution, order)
            ]
        return bool(self._candidates[convolution])

    def run(self, convolution: Convolution, inputs: Sequence[Array]) -> Array:
        """Return the result, in C order, of a convolution that `serves` accepts.

        inputs: the arrays of `Convolution.arrays`, all but the last.

        Raises:
            CudnnError: all engines failed.
            RuntimeError: its engine is not chosen yet, and a stream is captured.
        """
        if convolution not in self._chosen:
            plans = self._candidates[convolution]
            self._chosen[convolution] = self._fastest(convolution, plans, inputs)
            del self._candidates[convolution]
        return self._execute(convolution, self._chosen[convolution], inputs)

    def _to_try(self, convolution: Convolution, order: str) -> Iterator[Plan]:
        """Return the first plans of those in an order of memory."""
        plans = (plan for mode in MODES for plan in self._proposed(convolution, order, mode))
        return islice(plans, MOST_TRIED)

    def _again(self, convolution: Convolution, known: Choice) -> Plan | None:
        """Return the plan of an earlier choice, if cuDNN still proposes that engine there."""
        for plan in self._proposed(convolution, known.order, known.mode):
            if (plan.choice.place, plan.choice.engine) == (known.place, known.engine):
                return plan._replace(choice=known)
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
                        choice = Choice(order, mode, place, engine.number, 0.0)
                        yield Plan(choice, plan, workspace)

    def _fastest(
        self, convolution: Convolution, plans: Sequence[Plan], inputs: Sequence[Array]
    ) -> Plan:
        """Time plans, keep the choice, and return the fastest plan."""
        if self._cuda.is_capturing():
            raise RuntimeError(f"cuDNN's engine for {convolution} is not chosen yet")
        timed, failure = [], None
        for plan in plans:
            try:
                timed.append(plan._replace(choice=self._timed(convolution, plan, inputs)))
            except CudnnError as error:
                failure = error
        if not timed:
            raise CudnnError(f"no engine of cuDNN computes {convolution}: {failure}")
        best = min(timed, key=lambda plan: plan.choice.milliseconds)
        self.choices.keep(str(convolution), best.choice)
        return best

    def _timed(self, convolution: Convolution, plan: Plan, inputs: Sequence[Array]) -> Choice:
        """Return the choice of a plan with its time, after a run that loads its kernels."""

        def runs(number: int) -> None:
            for _ in range(number):
                self._execute(convolution, plan, inputs)

        runs(1)
        times = [self._cuda.milliseconds(lambda: runs(RUNS)) / RUNS for _ in range(BLOCKS)]
        return plan.choice._replace(milliseconds=min(times))

    def _execute(self, convolution: Convolution, plan: Plan, inputs: Sequence[Array]) -> Array:
        last = plan.choice.order == "NHWC"
        names = convolution.arrays
        given = [self._aligned(nhwc(x) if last and x.ndim == 4 else x) for x in inputs]
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
        return self._cuda.ordered(nchw(out)) if last else out

    def _aligned(self, x: Array) -> Array:
        """Return x in C order, a copy if it has another or begins where engines cannot read it."""
        x = self._cuda.ordered(x)
        return self._cuda.copied(x) if x.data.ptr % ALIGNMENT else x


def allowed(convolution: Convolution) -> frozenset[str]:
    """Return the notes that an engine for a convolution may have."""
    is_exact = convolution.dtype == "float32" and not convolution.tf32
    return ALLOWED if is_exact else ALLOWED | TENSOR_CORES


def nhwc(x: Array) -> Array:
    """Return images (n, c, h, w) as (n, h, w, c), without a copy."""
    return x.transpose(0, 2, 3, 1)


def nchw(x: Array) -> Array:
    """Return images (n, h, w, c) as (n, c, h, w), without a copy."""
    return x.transpose(0, 3, 1, 2)
