"""ONNX operators that only move elements: other shapes, other orders, images side by side."""

import math
from collections.abc import Sequence

import numpy

from xpcnn.io.onnx.importing.calls import Call, Result, Value
from xpcnn.io.onnx.importing.folding import reshaped, squeezed, unsqueezed
from xpcnn.io.onnx.importing.parts import Padded, Reordered, Shaped
from xpcnn.io.onnx.importing.source import Refused


def concat(call: Call) -> Result:
    values = [call.value(place) for place in range(len(call.inputs))]
    axis = call.node.whole("axis", 1)
    first = values[0]
    rank = len(first.order)
    axis += rank if axis < 0 else 0
    if not 0 <= axis < rank or first.order[axis] != 1:
        raise Refused(f"axis is {axis}, expected that of the channels")
    if any(value.order != first.order or value.shape[1:] != first.shape[1:] for value in values):
        raise Refused(f"its inputs have shapes {', '.join(str(value.shape) for value in values)}")
    shape = (sum(value.shape[0] for value in values), *first.shape[1:])
    return Result(Value(shape, first.order), meeting="concat")


def same(call: Call) -> Result:
    return Result(call.x)


def transpose(call: Call) -> Result:
    rank = len(call.x.order)
    perm = call.node.wholes("perm", tuple(reversed(range(rank))))
    if sorted(perm) != list(range(rank)):
        raise Refused(f"perm is {perm}")
    order = tuple(call.x.order[i] for i in perm)
    if order[0] != 0:
        raise Refused("it moves the axis of the samples")
    return Result(Value(call.x.shape, order))


def pad(call: Call) -> Result:
    call.images()
    if call.node.text("mode", "constant") != "constant":
        raise Refused(f"mode is {call.node.text('mode', '')}")
    pads = call.whole_numbers("pads", 1)
    if pads is None or len(pads) != 8 or any(pads[:2] + pads[4:6]) or min(pads) < 0:
        raise Refused(f"pads are {pads}, expected rows and columns around images")
    filled = call.optional(2)
    value = call.node.number("value", 0.0) if filled is None else float(filled.reshape(-1)[0])
    _, _, top, left, _, _, bottom, right = pads
    c, h, w = call.x.shape
    around = (top, bottom), (left, right)
    return Result(
        Value.of((c, h + top + bottom, w + left + right)),
        (Padded(c, around, value, call.node.name),),
    )


def reshape(call: Call) -> Result:
    target = call.whole_numbers("shape", 1)
    if target is None:
        raise Refused("its shape is missing")
    sizes = call.x.file_shape(call.batch)
    return _shaped(call, reshaped(sizes, target, bool(call.node.whole("allowzero", 0))))


def flatten(call: Call) -> Result:
    sizes = call.x.file_shape(call.batch)
    axis = call.node.whole("axis", 1)
    axis += len(sizes) if axis < 0 else 0
    return _shaped(call, [math.prod(sizes[:axis]), math.prod(sizes[axis:])])


def squeeze(call: Call) -> Result:
    sizes = call.x.file_shape(call.batch)
    axes = call.whole_numbers("axes", 1)
    if axes is None:  # the axis of the samples stays, were there one sample
        axes = [i for i, size in enumerate(sizes) if i > 0 and size == 1]
    return _shaped(call, squeezed(sizes, axes))


def unsqueeze(call: Call) -> Result:
    axes = call.whole_numbers("axes", 1)
    return _shaped(call, unsqueezed(call.x.file_shape(call.batch), axes or []))


def _shaped(call: Call, sizes: Sequence[int]) -> Result:
    """Return the value with other sizes, the first of which is the number of samples."""
    if not sizes or sizes[0] != call.batch:
        raise Refused(f"it makes {list(sizes)} of {call.batch} samples")
    before, after = call.x.shape, tuple(sizes[1:])
    if call.x.is_same:
        return Result(Value.of(after), (Shaped(before, after),))
    if len(after) != 1:
        raise Refused("its input has the channels last")
    # rows in the order of the file: for each of its elements, where it is in ours
    places = numpy.arange(math.prod(before)).reshape(1, *before).transpose(call.x.order)
    return Result(
        Value.of(after), (Shaped(before, after), Reordered(places.reshape(-1), call.node.name))
    )


def cast(call: Call) -> Result:
    if call.node.whole("to", 1) not in (1, 10, 11):
        raise Refused("it makes whole numbers of the samples")
    return Result(call.x)
