"""ONNX operators on constants alone, such as the arithmetic that computes shapes."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy

from xpcnn.io.onnx.importing.source import Node, Refused

Host: TypeAlias = numpy.ndarray
Inputs: TypeAlias = Sequence[Host | None]

MOST = 1 << 24
"""Elements that a constant may have which is computed."""

_TYPES = {1: "f4", 6: "i4", 7: "i8", 9: "?", 10: "f2", 11: "f8"}
"""By ONNX's number of a type: those that `Cast` may ask for."""
_VALUES = {"value_float": "f4", "value_floats": "f4", "value_int": "i8", "value_ints": "i8"}
"""Attributes of `Constant`."""


def folded(node: Node, inputs: Inputs) -> Host:
    """Return the output of a node whose inputs are constants.

    Raises:
        Refused: there is no rule for the operator, or it does not take such constants.
    """
    if node.operator not in OPERATORS:
        raise Refused("it is not computed ahead")
    try:
        with numpy.errstate(all="ignore"):
            found = OPERATORS[node.operator](node, inputs)
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise Refused(f"its constants do not fit: {str(error)[:200]}") from error
    if found.size > MOST and found.size > max((x.size for x in inputs if x is not None), default=0):
        raise Refused(f"it makes a constant of {found.size:,} elements")
    return found


def attribute_or_input(node: Node, name: str, inputs: Inputs, place: int) -> list[int] | None:
    """Return whole numbers that older opsets have as an attribute, newer ones as an input."""
    given = node.attributes.get(name)
    if given is None and len(inputs) > place and inputs[place] is not None:
        given = numpy.asarray(inputs[place]).reshape(-1).tolist()
    if given is None:
        return None
    if not isinstance(given, list | tuple) or not all(isinstance(n, int) for n in given):
        raise Refused(f"{name} is not a list of whole numbers")
    return list(given)


def reshaped(sizes: Sequence[int], target: Sequence[int], keep_zero: bool) -> list[int]:
    """Return the sizes that ONNX's Reshape makes: 0 takes the old size, -1 what is left."""
    out = [
        sizes[i] if size == 0 and not keep_zero and i < len(sizes) else size
        for i, size in enumerate(target)
    ]
    if out.count(-1) == 1:
        rest = -math.prod(out)
        if rest <= 0 or math.prod(sizes) % rest:
            raise Refused(f"{list(sizes)} cannot be given the shape {list(target)}")
        out[out.index(-1)] = math.prod(sizes) // rest
    if min(out, default=1) < 0 or math.prod(out) != math.prod(sizes):
        raise Refused(f"{list(sizes)} cannot be given the shape {list(target)}")
    return out


def unsqueezed(sizes: Sequence[int], axes: Sequence[int]) -> list[int]:
    """Return the sizes with 1 put in, so that they stand at `axes` of the result."""
    rank = len(sizes) + len(axes)
    at = {axis + rank if axis < 0 else axis for axis in axes}
    if len(at) != len(axes) or not at <= {*range(rank)}:
        raise Refused(f"axes are {list(axes)}")
    left = iter(sizes)
    return [1 if i in at else next(left) for i in range(rank)]


def squeezed(sizes: Sequence[int], axes: Sequence[int] | None) -> list[int]:
    """Return the sizes without those of 1 at `axes`, or without all of them."""
    rank = len(sizes)
    at = {i for i, size in enumerate(sizes) if size == 1} if axes is None else {*axes}
    at = {axis + rank if axis < 0 else axis for axis in at}
    if not at <= {*range(rank)} or any(sizes[i] != 1 for i in at):
        raise Refused(f"axes are {axes}, the sizes {list(sizes)}")
    return [size for i, size in enumerate(sizes) if i not in at]


def _binary(f: Callable[[Host, Host], Host]) -> Callable[[Node, Inputs], Host]:
    def run(node: Node, inputs: Inputs) -> Host:
        a, b = _first(inputs), _at(inputs, 1)
        shape = numpy.broadcast_shapes(a.shape, b.shape)
        if math.prod(shape) > max(a.size, b.size):
            check_size(shape)
        return numpy.asarray(f(a, b))

    return run


def _divide(a: Host, b: Host) -> Host:
    return numpy.asarray(a / b if a.dtype.kind == "f" else numpy.trunc(a / b).astype(a.dtype))


def _at(inputs: Inputs, place: int) -> Host:
    if len(inputs) <= place or inputs[place] is None:
        raise Refused(f"input {place} is missing")
    return numpy.asarray(inputs[place])


def _first(inputs: Inputs) -> Host:
    return _at(inputs, 0)


def _constant(node: Node, inputs: Inputs) -> Host:
    for name in node.attributes.keys() & _VALUES.keys():
        return numpy.asarray(node.attributes[name], _VALUES[name])
    if not isinstance(value := node.attributes.get("value"), numpy.ndarray):
        raise Refused("its value is of a type that no layer takes")
    return value


def _cast(node: Node, inputs: Inputs) -> Host:
    kind = node.whole("to", 1)
    if kind not in _TYPES:
        raise Refused(f"type {kind} of ONNX is not read")
    return _first(inputs).astype(_TYPES[kind])


def _gather(node: Node, inputs: Inputs) -> Host:
    x, index, axis = _first(inputs), _at(inputs, 1), node.whole("axis", 0)
    check_size((x.size // max(1, x.shape[axis]), index.size))
    return x.take(index, axis=axis)


def _slice(node: Node, inputs: Inputs) -> Host:
    x = _first(inputs)
    starts, ends, axes, steps = (
        attribute_or_input(node, name, inputs, i + 1)
        for i, name in enumerate(("starts", "ends", "axes", "steps"))
    )
    if starts is None or ends is None:
        raise Refused("starts or ends are missing")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    cut = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        cut[axis] = slice(start, end if abs(end) < 2**62 else None, step)
    return x[tuple(cut)]


def _filled(node: Node, inputs: Inputs) -> Host:
    shape = _first(inputs).tolist()
    value = node.attributes.get("value", numpy.zeros(1, "f4"))
    check_size(shape)
    return numpy.full(shape, value.reshape(-1)[0])


def _expand(node: Node, inputs: Inputs) -> Host:
    shape = numpy.broadcast_shapes(_first(inputs).shape, tuple(_at(inputs, 1).tolist()))
    check_size(shape)
    return numpy.broadcast_to(_first(inputs), shape)


def check_size(shape: Sequence[int]) -> None:
    """Require that a constant of this shape has at most `MOST` elements."""
    if math.prod(shape) > MOST:
        raise Refused(f"it makes a constant of {math.prod(shape):,} elements")


def _reshape(node: Node, inputs: Inputs) -> Host:
    target = attribute_or_input(node, "shape", inputs, 1) or []
    sizes = reshaped(_first(inputs).shape, target, bool(node.whole("allowzero", 0)))
    return _first(inputs).reshape(sizes)


def _unsqueeze(node: Node, inputs: Inputs) -> Host:
    axes = attribute_or_input(node, "axes", inputs, 1) or []
    return _first(inputs).reshape(unsqueezed(_first(inputs).shape, axes))


def _squeeze(node: Node, inputs: Inputs) -> Host:
    axes = attribute_or_input(node, "axes", inputs, 1)
    return _first(inputs).reshape(squeezed(_first(inputs).shape, axes))


def _transpose(node: Node, inputs: Inputs) -> Host:
    return _first(inputs).transpose(node.attributes.get("perm"))


def _concat(node: Node, inputs: Inputs) -> Host:
    parts = [_at(inputs, i) for i in range(len(inputs))]
    check_size((sum(part.size for part in parts),))
    return numpy.concatenate(parts, axis=node.whole("axis", 0))


def _reduce(f: Callable[..., Host]) -> Callable[[Node, Inputs], Host]:
    def run(node: Node, inputs: Inputs) -> Host:
        axes = attribute_or_input(node, "axes", inputs, 1)
        keep = bool(node.whole("keepdims", 1))
        along = None if axes is None else tuple(axes)
        return numpy.asarray(f(_first(inputs), axis=along, keepdims=keep))

    return run


def _where(node: Node, inputs: Inputs) -> Host:
    which, a, b = _first(inputs), _at(inputs, 1), _at(inputs, 2)
    check_size(numpy.broadcast_shapes(which.shape, a.shape, b.shape))
    return numpy.where(which, a, b)


OPERATORS: Mapping[str, Callable[[Node, Inputs], Host]] = {
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Identity": lambda node, inputs: _first(inputs),
    "Cast": _cast,
    "Shape": lambda node, inputs: numpy.asarray(_first(inputs).shape, "i8"),
    "Gather": _gather,
    "Slice": _slice,
    "Reshape": _reshape,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Where": _where,
    "Equal": _binary(numpy.equal),
    "Add": _binary(numpy.add),
    "Sub": _binary(numpy.subtract),
    "Mul": _binary(numpy.multiply),
    "Div": _binary(_divide),
    "Max": _binary(numpy.maximum),
    "Min": _binary(numpy.minimum),
    "Pow": _binary(numpy.power),
    "Floor": lambda node, inputs: numpy.floor(_first(inputs)),
    "Ceil": lambda node, inputs: numpy.ceil(_first(inputs)),
    "Sqrt": lambda node, inputs: numpy.sqrt(_first(inputs)),
    "Neg": lambda node, inputs: numpy.negative(_first(inputs)),
    "ReduceProd": _reduce(numpy.prod),
    "ReduceSum": _reduce(numpy.sum),
}
