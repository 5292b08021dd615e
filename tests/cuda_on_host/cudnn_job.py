"""What an execution by the stand-in for cuDNN computes: in float64, and rounded once."""

import ctypes
import math
from typing import Any, NamedTuple

import numpy

from xpcnn.ops import reference

PREFIX = {
    "OPERATION_CONVOLUTION_BACKWARD_DATA": "OPERATION_CONVOLUTION_BWD_DATA",
    "OPERATION_CONVOLUTION_BACKWARD_FILTER": "OPERATION_CONVOLUTION_BWD_FILTER",
}
"""What the attributes of a kind of descriptor begin with, where it is not its name."""
DTYPES = {0: numpy.float32, 2: numpy.float16}


class Engine(NamedTuple):
    """What is proposed: its number, its notes, the bytes that it needs, its time in each order."""

    number: int
    notes: tuple[str, ...]
    workspace: int
    nchw: float
    nhwc: float


class Descriptor:
    def __init__(self, kind: str) -> None:
        self.kind, self.values, self.is_final = kind, dict[str, list[Any]](), False

    def __getitem__(self, name: str) -> Any:
        """Return the value of an attribute that has one."""
        [value] = self.values[name]
        return value


class Job:
    """One execution: its operations, and where its arrays are."""

    def __init__(self, operations: list[Descriptor], at: dict[int, int], engine: Engine) -> None:
        first, *self.rest = operations
        self.direction = {"FORWARD": "forward", "DATA": "dx", "FILTER": "dw"}[
            first.kind.rpartition("_")[2]
        ]
        self.prefix = PREFIX.get(first.kind, first.kind)
        self.first, self.at, self.engine = first, at, engine
        tensor = first[f"{self.prefix}_{'DX' if self.direction == 'dx' else 'X'}"]
        steps = tensor.values["TENSOR_STRIDES"]
        self.order = "NHWC" if steps[1] == 1 != steps[3] else "NCHW"

    def run(self) -> None:
        def read(name: str) -> numpy.ndarray:
            x = self._array(self.first[f"{self.prefix}_{name}"])
            factors = tf32(x) if "TENSOR_CORE" in self.engine.notes else x
            return factors.astype(numpy.float64)

        rule = self.first[f"{self.prefix}_CONV_DESC"].values
        around = zip(
            rule["CONVOLUTION_PRE_PADDINGS"], rule["CONVOLUTION_POST_PADDINGS"], strict=True
        )
        options: dict[str, Any] = {
            "stride": tuple(rule["CONVOLUTION_FILTER_STRIDES"]),
            "dilation": tuple(rule["CONVOLUTION_DILATIONS"]),
            "padding": tuple(around),
        }
        if self.direction == "forward":
            x, w = read("X"), read("W")
            y = reference.conv2d(x, w, groups=x.shape[1] // w.shape[1], **options)[0]
            target = self.first[f"{self.prefix}_Y"]
            for after in self.rest:
                assert after["OPERATION_POINTWISE_XDESC"] is target
                target = after["OPERATION_POINTWISE_YDESC"]
                if bias := after.values.get("OPERATION_POINTWISE_BDESC"):
                    y = y + self._array(bias[0])
                else:
                    rule = after["OPERATION_POINTWISE_PW_DESCRIPTOR"].values
                    assert rule["POINTWISE_MODE"] == [100]
                    assert rule["POINTWISE_NAN_PROPAGATION"] == [1]
                    y = numpy.where(y <= 0, 0.0, y)
            self._array(target)[...] = y
            return
        result = self.first[f"{self.prefix}_{'DX' if self.direction == 'dx' else 'DW'}"]
        out = self._array(result)
        zeros = numpy.zeros(out.shape)
        dy = read("DY")
        x, w = (zeros, read("W")) if self.direction == "dx" else (read("X"), zeros)
        _, back = reference.conv2d(x, w, groups=x.shape[1] // w.shape[1], **options)
        dx, dw, _ = back(dy)
        out[...] = dx if self.direction == "dx" else dw

    def _array(self, tensor: Descriptor) -> numpy.ndarray:
        """Return the array of a tensor, in its place in memory."""
        values = tensor.values
        assert not values.get("TENSOR_IS_VIRTUAL", [False])[0], "what is virtual is in no memory"
        address, dtype = self.at[tensor["TENSOR_UNIQUE_ID"]], DTYPES[tensor["TENSOR_DATA_TYPE"]]
        assert address % tensor["TENSOR_BYTE_ALIGNMENT"] == 0, "a misaligned array"
        shape, steps = values["TENSOR_DIMENSIONS"], values["TENSOR_STRIDES"]
        size = numpy.dtype(dtype).itemsize
        memory = (ctypes.c_ubyte * (math.prod(shape) * size)).from_address(address)
        flat = numpy.frombuffer(memory, dtype)
        strides = [step * size for step in steps]
        return numpy.lib.stride_tricks.as_strided(flat, shape, strides)


def tf32(x: numpy.ndarray) -> numpy.ndarray:
    """Round float32 to the 11 bits of TF32."""
    if x.dtype != numpy.float32:
        return x
    bits = (x.view(numpy.uint32) + numpy.uint32(0x1000)) & numpy.uint32(0xFFFFE000)
    return bits.view(numpy.float32)
