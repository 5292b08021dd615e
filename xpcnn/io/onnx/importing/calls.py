"""The call of an ONNX operator: its inputs, which are values or constants, and what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy

from xpcnn.io.onnx.importing.folding import attribute_or_input
from xpcnn.io.onnx.importing.parts import Affine, Chain, Host, Leaf, Meeting
from xpcnn.io.onnx.importing.source import Node, Refused
from xpcnn.layers import Layer
from xpcnn.sizes import sizes_of
from xpcnn.types import Shape

CHANNELS_LAST = (0, 2, 3, 1)


class Value(NamedTuple):
    """An array that depends on the samples.

    shape: of a sample, channels first. order: for each axis of the array in the file, which axis of
    (n, *shape) it is; 0, 1, 2, ... if both have the same order.
    """

    shape: Shape
    order: tuple[int, ...]

    @classmethod
    def of(cls, shape: Shape) -> "Value":
        return cls(shape, tuple(range(len(shape) + 1)))

    @property
    def is_same(self) -> bool:
        """Whether the array in the file has its elements in the order of ours."""
        moved = [axis for axis in self.order if axis == 0 or self.shape[axis - 1] != 1]
        return moved == sorted(moved)

    def file_shape(self, batch: int) -> Shape:
        """Return the shape of the array in the file for `batch` samples."""
        full = (batch, *self.shape)
        return tuple(full[axis] for axis in self.order)


class Result(NamedTuple):
    """The output of a node: a value, made of its first input by parts, or of several inputs."""

    value: Value
    parts: Chain = ()
    meeting: Meeting | None = None


@dataclass(frozen=True)
class Call:
    """A node with its inputs: values, constants, or None for one left out.

    batch: the number that stands for any number of samples in shapes. opset: that of the file.
    """

    node: Node
    inputs: Sequence[Value | Host | None]
    batch: int
    opset: int

    @property
    def x(self) -> Value:
        """The first input, which depends on the samples."""
        return self.value(0)

    def value(self, place: int) -> Value:
        found = self.inputs[place] if place < len(self.inputs) else None
        if not isinstance(found, Value):
            raise Refused(f"its input {place} does not depend on the samples")
        return found

    def constant(self, place: int) -> Host:
        """Return an input that is a constant."""
        found = self.optional(place)
        if found is None:
            raise Refused(f"its input {place} is missing")
        return found

    def optional(self, place: int) -> Host | None:
        """Return an input that is a constant, or None for one left out."""
        found = self.inputs[place] if place < len(self.inputs) else None
        if isinstance(found, Value):
            raise Refused(f"its input {place} depends on the samples, expected a constant")
        return found

    def weights(self, place: int, rank: int) -> Host:
        """Return a constant of a rank as float32, all of it finite."""
        x = self.constant(place)
        if x.ndim != rank:
            raise Refused(f"its input {place} has {x.ndim} axes, expected {rank}")
        return as_float32(x)

    def images(self) -> Shape:
        """Return the shape (c, h, w) of the samples of the first input."""
        shape = self.in_order()
        if len(shape) != 3:
            raise Refused(f"its samples have shape {shape}, expected images")
        return shape

    def in_order(self) -> Shape:
        """Return the shape of the samples of the first input, whose channels are first."""
        if self.x.order != Value.of(self.x.shape).order:
            raise Refused("its input has the channels last")
        return self.x.shape

    def whole_numbers(self, name: str, place: int) -> list[int] | None:
        """Return an attribute of older opsets, which is an input in newer ones."""
        constants = [None if isinstance(x, Value) else x for x in self.inputs]
        return attribute_or_input(self.node, name, constants, place)

    def made(self, *layers: Layer | Leaf | Affine) -> Result:
        """Return the result of a chain of layers on the first input."""
        parts = [Leaf(layer) if isinstance(layer, Layer) else layer for layer in layers]
        shape = self.x.shape
        for part in parts:
            if isinstance(part, Leaf):
                shape = _checked(part, shape)
        return Result(Value(shape, self.x.order[: len(shape) + 1]), tuple(parts))


def as_float32(x: Host) -> Host:
    """Return numbers as float32, all of them finite."""
    if x.dtype.kind not in "fi":
        raise Refused(f"its constant is {x.dtype}, expected numbers")
    found = numpy.ascontiguousarray(x, "f4").reshape(x.shape)
    if not numpy.isfinite(found).all():
        raise Refused("its constant holds NaN or infinity")
    return found


def _checked(part: Leaf, shape: Shape) -> Shape:
    """Return the output shape of a layer, after a check of its arrays."""
    sizes = sizes_of(part.layer, shape)
    for name, array in {**part.params, **part.buffers}.items():
        expected = {**sizes.params, **sizes.buffers}[name]
        if array.shape != expected:
            raise Refused(f"its {name} is {array.shape}, expected {expected}")
    return sizes.output
