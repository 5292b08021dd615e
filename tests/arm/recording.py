"""A recording of calls of the kernels in C, to be repeated elsewhere; replay.c has its format."""

import ctypes
import struct
from typing import Any, NamedTuple
from unittest import mock

import numpy

from tests.compiled.support import library
from tests.compiled.test_every_kernel import all_kernels


def recorded() -> bytes:
    """Return the calls of every kernel, with what was in memory before each and after it."""
    calls: list[bytes] = []
    call = library.Call.__call__

    def noted(self: Any, *arguments: Any) -> Any:
        before = [memory(a) for a in arguments]
        result = call(self, *arguments)
        parts = [
            argument(self.name, kind, a, b)
            for kind, a, b in zip(self.kinds, arguments, before, strict=True)
        ]
        calls.append(self.name.encode().ljust(64, b"\0") + number(len(parts)) + b"".join(parts))
        return result

    with mock.patch.object(library.Call, "__call__", noted):
        all_kernels()
    return b"".join(calls)


def argument(name: str, kind: str, value: Any, before: "Memory") -> bytes:
    """Return an argument: of memory, what was there before the call and what is there now."""
    if kind in "ldf" or value is None:
        return number(0) + struct.pack({"f": "<f4x", "d": "<d"}.get(kind, "<q"), value or 0)
    # what lies in memory that is filled may be the same result of an earlier call
    if kind == "o":
        before = before._replace(content=b"\xff" * len(before.content))
    # which of nearly equal numbers won a pooling window is left to the rounding of Winograd's
    kept = {"e": "s"} if name.startswith("winograd") else {}
    if kind == "o" and before.type == "d":  # sums, which are rounded, of results that are compared
        kept = {"d": "s"}
    return number(1) + written(before, memory(value), kept)


class Memory(NamedTuple):
    """Bytes; type: see replay.c."""

    type: str
    content: bytes


def memory(value: Any) -> Memory:
    """Return what is behind a pointer; nothing for a number."""
    if not isinstance(value, numpy.ndarray):
        return Memory("s", b"")
    low, high = numpy.lib.array_utils.byte_bounds(value)
    kinds = {numpy.dtype("float32"): "f", numpy.dtype("float64"): "d"}
    return Memory(kinds.get(value.dtype, "e"), ctypes.string_at(low, high - low))


def written(before: Memory, after: Memory, kept: dict[str, str]) -> bytes:
    """Return memory as the recording has it."""
    kind = kept.get(before.type, "e" if before.type == "d" else before.type)
    return number(ord(kind)) + number(len(before.content)) + before.content + after.content


def number(value: int) -> bytes:
    return struct.pack("<q", value)
