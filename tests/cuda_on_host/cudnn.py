"""A library that stands for cuDNN: it takes the calls of its graph API, and computes with NumPy.

Descriptors are checked as cuDNN checks them: attributes belong to a kind, have a type, are all
there before the descriptor is finalized, and never change after that. A plan computes in float64
and rounds once. It proposes one engine of each kind that can go wrong, see `ENGINES`.
"""

import ctypes
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.cuda_on_host import capture, streams
from tests.cuda_on_host.cudnn_job import PREFIX, Descriptor, Engine, Job

numbers: Any = import_module("xpcnn.backends.cupy_kernels.cudnn_numbers")
KINDS = {number: name for name, number in numbers.DESCRIPTORS.items()}
ATTRIBUTES = {number: (name, kind) for name, (number, kind) in numbers.ATTRIBUTES.items()}
NOTES = {
    name: numbers.VALUES[f"NUMERICAL_NOTE_{name}"]
    for name in ("NONDETERMINISTIC", "TENSOR_CORE", "WINOGRAD_TILE_6x6", "STRICT_NAN_PROP")
}
BAD_PARAM, NOT_FINALIZED, NOT_SUPPORTED = 2000, 2004, 3000
NOT_NEEDED = {
    *("TENSOR_IS_VIRTUAL", "POINTWISE_NAN_PROPAGATION", "OPERATION_POINTWISE_BDESC"),
    *("ENGINEHEUR_DEVICEPROP", "EXECUTION_PLAN_DEVICEPROP"),
}
ONLY_READ = {
    *("ENGINEHEUR_RESULTS", "ENGINE_GLOBAL_INDEX", "ENGINE_NUMERICAL_NOTE", "ENGINECFG_ENGINE"),
    "EXECUTION_PLAN_WORKSPACE_SIZE",
}


ENGINES = {
    "HEUR_MODE_A": [
        Engine(10, ("NONDETERMINISTIC",), 0, 1.0, 1.0),
        Engine(11, ("TENSOR_CORE",), 256, 4.0, 2.0),  # factors of float32 become TF32
        Engine(12, ("WINOGRAD_TILE_6x6",), 0, 1.0, 1.0),
        Engine(13, (), 2**40, 1.0, 1.0),
        Engine(14, (), 0, 1.0, 1.0),  # has no plan
        Engine(15, (), 64, 5.0, 7.0),
        Engine(16, ("STRICT_NAN_PROP",), 0, 6.0, 8.0),
    ],
    "HEUR_MODE_FALLBACK": [Engine(17, (), 0, 9.0, 9.0)],
}


class Refusal(Exception):
    """Becomes a status."""


class Library:
    """The functions of the library; `executed` lists directions, orders and engines."""

    def __init__(self) -> None:
        self.executed: list[tuple[str, str, int]] = []
        self.is_broken: Callable[[Engine], bool] = lambda engine: False  # when it is executed
        self.alive: dict[int, Descriptor] = {}
        self._made, self._reason, self._stream = 0, b"", 0

    def cudnnGetVersion(self) -> int:
        return 92801

    def cudnnGetErrorString(self, status: int) -> bytes:
        names = {BAD_PARAM: "BAD_PARAM", NOT_FINALIZED: "BAD_PARAM_NOT_FINALIZED"}
        return f"CUDNN_STATUS_{names.get(status, 'NOT_SUPPORTED')}".encode()

    def cudnnGetLastErrorString(self, text: Any, size: int) -> None:
        text.value, self._reason = self._reason, b""

    def cudnnCreate(self, handle: Any) -> int:
        handle._obj.value = 77
        return 0

    def cudnnSetStream(self, handle: Any, stream: int) -> int:
        assert handle.value == 77
        self._stream = stream
        return 0

    def cudnnBackendCreateDescriptor(self, kind: int, pointer: Any) -> int:
        self._made += 1
        self.alive[self._made] = Descriptor(KINDS[kind])
        pointer._obj.value = self._made
        return 0

    def cudnnBackendDestroyDescriptor(self, pointer: Any) -> int:
        del self.alive[pointer.value]
        return 0

    def cudnnBackendSetAttribute(
        self, pointer: Any, number: int, kind: int, count: int, values: Any
    ) -> int:
        def put() -> None:
            found, (name, of) = self.alive[pointer.value], ATTRIBUTES[number]
            require(not found.is_final, f"{found.kind} is finalized")
            require(name.startswith(PREFIX.get(found.kind, found.kind)), f"{found.kind} {name}")
            require(numbers.TYPES[of] == kind and count == len(values) > 0, f"type of {name}")
            found.values[name] = self._resolved(list(values), of)

        return self._status(put)

    def cudnnBackendGetAttribute(
        self, pointer: Any, number: int, kind: int, most: int, count: Any, values: Any
    ) -> int:
        def get() -> None:
            found, (name, of) = self.alive[pointer.value], ATTRIBUTES[number]
            require(found.is_final, f"{found.kind} is not finalized")
            require(numbers.TYPES[of] == kind, f"type of {name}")
            inside = found.values[name]
            if name == "EXECUTION_PLAN_WORKSPACE_SIZE":
                require(most in (0, 1), f"{name} has one element")  # as cuDNN requires
            for place in range(min(most, len(inside))):
                if of == "BACKEND_DESCRIPTOR":
                    self.alive[values[place]].values = inside[place].values
                    self.alive[values[place]].is_final = True
                else:
                    values[place] = inside[place]
            count._obj.value = min(most, len(inside)) if most else len(inside)

        return self._status(get)

    def cudnnBackendFinalize(self, pointer: Any) -> int:
        def finalize() -> None:
            found = self.alive[pointer.value]
            prefix = PREFIX.get(found.kind, found.kind) + "_"
            others = [kind + "_" for kind in KINDS.values() if kind.startswith(prefix)]
            needed = {
                name
                for name in numbers.ATTRIBUTES
                if name.startswith(prefix) and not name.startswith(tuple(others))
            }
            if found.kind == "DEVICEPROP":
                raise Refusal(NOT_SUPPORTED, "a device that is not here")
            missing = needed - NOT_NEEDED - ONLY_READ - set(found.values)
            require(not missing, f"{found.kind} lacks {sorted(missing)}")
            found.is_final = True
            if found.kind == "ENGINEHEUR":
                self._propose(found)
            if found.kind == "EXECUTION_PLAN":
                engine: Engine = found["EXECUTION_PLAN_ENGINE_CONFIG"].values["engine"][0]
                if engine.number == 14:
                    raise Refusal(NOT_SUPPORTED, "an engine without a plan")
                found.values["EXECUTION_PLAN_WORKSPACE_SIZE"] = [engine.workspace]

        return self._status(finalize)

    def cudnnBackendExecute(self, handle: Any, plan: Any, pack: Any) -> int:
        def execute() -> None:
            given = self.alive[pack.value]
            require(given.is_final and self._stream > 0, "a pack that is finalized, and a stream")
            ids, addresses = (
                given.values[f"VARIANT_PACK_{name}"] for name in ("UNIQUE_IDS", "DATA_POINTERS")
            )
            at = dict(zip(ids, addresses, strict=True))
            self._run(self.alive[plan.value], at, given["VARIANT_PACK_WORKSPACE"])

        return self._status(execute)

    def _status(self, call: Callable[[], None]) -> int:
        try:
            call()
        except Refusal as refusal:
            status, reason = refusal.args
            self._reason = reason.encode()
            return int(status)
        return 0

    def _resolved(self, values: list[Any], kind: str) -> list[Any]:
        if kind != "BACKEND_DESCRIPTOR":
            return values
        for value in values:
            if not self.alive[value].is_final:
                raise Refusal(NOT_FINALIZED, self.alive[value].kind)
        return [self.alive[value] for value in values]

    def _propose(self, found: Descriptor) -> None:
        mode = {numbers.VALUES[name]: engines for name, engines in ENGINES.items()}
        graph = found["ENGINEHEUR_OPERATION_GRAPH"]
        require(graph["OPERATIONGRAPH_HANDLE"] == 77, "a handle")
        results = found.values["ENGINEHEUR_RESULTS"] = []
        if len(graph.values["OPERATIONGRAPH_OPS"]) == 2 and not bias_of(graph):
            return  # ReLU without a bias
        for engine in mode[found["ENGINEHEUR_MODE"]]:
            inner, config = Descriptor("ENGINE"), Descriptor("ENGINECFG")
            inner.values["ENGINE_GLOBAL_INDEX"] = [engine.number]
            inner.values["ENGINE_NUMERICAL_NOTE"] = [NOTES[name] for name in engine.notes]
            config.values |= {"ENGINECFG_ENGINE": [inner], "engine": [engine], "graph": [graph]}
            results.append(config)

    def _run(self, plan: Descriptor, at: dict[int, int], workspace: int | None) -> None:
        config = plan["EXECUTION_PLAN_ENGINE_CONFIG"]
        engine: Engine = config["engine"]
        if self.is_broken(engine):
            raise Refusal(NOT_SUPPORTED, "this engine is broken")
        operations = config["graph"].values["OPERATIONGRAPH_OPS"]
        job = Job(operations, at, engine)
        if engine.workspace:
            assert workspace, "the engine needs memory"
            memory = (ctypes.c_ubyte * engine.workspace).from_address(workspace)
            ctypes.memset(memory, 0x5A, engine.workspace)
        streams.device.milliseconds += engine.nhwc if job.order == "NHWC" else engine.nchw
        self.executed.append((job.direction, job.order, engine.number))
        if capture.is_on():
            capture.note(job.run, None)
        else:
            job.run()


def bias_of(graph: Descriptor) -> list[Descriptor]:
    """Return the tensor of the bias in a list, an empty one if there is none."""
    second = graph.values["OPERATIONGRAPH_OPS"][1].values
    found: list[Descriptor] = second.get("OPERATION_POINTWISE_BDESC", [])
    return found


def require(holds: bool, what: str) -> None:
    if not holds:
        raise Refusal(BAD_PARAM, what)
