"""ONNX operators on single elements as layers: activations, and arithmetic with constants."""

import math
from collections.abc import Callable

import numpy

from xpcnn import layers
from xpcnn.errors import counted
from xpcnn.io.onnx.importing.calls import Call, Result, Value, as_float32
from xpcnn.io.onnx.importing.parts import Affine, Erf, Host, Leaf
from xpcnn.io.onnx.importing.source import Node, Refused
from xpcnn.layers import Layer


def elementwise(make: Callable[[Node], Layer]) -> Callable[[Call], Result]:
    return lambda call: call.made(make(call.node))


def erf(call: Call) -> Result:
    return Result(call.x, (Erf(call.node.name),))


def clip(call: Call) -> Result:
    ends = []
    for place, (name, default) in enumerate((("min", -math.inf), ("max", math.inf)), 1):
        given = call.optional(place)
        if given is not None and given.size != 1:
            raise Refused(f"{name} is an array")
        ends.append(
            float(call.node.attributes.get(name, default) if given is None else given.item())
        )
    low, high = ends
    largest = 3.4e38
    if low == 0 and high >= largest:
        return call.made(layers.ReLU())
    if (low, high) == (0, 6):
        return call.made(layers.ReLU6())
    if low <= -largest and high >= largest:
        return Result(call.x)
    return call.made(layers.HardTanh(low, high))


def hard_sigmoid(node: Node) -> Layer:
    return layers.HardSigmoid(node.number("alpha", 0.2), node.number("beta", 0.5))


def selu(node: Node) -> Layer:
    given = node.number("alpha", 1.6732632), node.number("gamma", 1.0507010)
    if not numpy.allclose(given, (1.6732632, 1.0507010), rtol=1e-6):
        raise Refused(f"alpha and gamma are {given}")
    return layers.SELU()


def prelu(call: Call) -> Result:
    slope = channels(call, as_float32(call.constant(1)))
    return call.made(Leaf(layers.PReLU(), {"slope": slope}))


def softmax(kind: type[layers.Softmax] | type[layers.LogSoftmax]) -> Callable[[Call], Result]:
    def rule(call: Call) -> Result:
        rank = len(call.x.order)
        axis = call.node.whole("axis", -1 if call.opset >= 13 else 1)
        axis += rank if axis < 0 else 0
        sizes = call.x.file_shape(call.batch)
        # until opset 12 the sum runs over all axes from this one on
        alone = call.opset >= 13 or math.prod(sizes[axis + 1 :]) == 1
        if not (0 < axis < rank and alone):
            raise Refused(f"axis is {axis} of {rank}")
        return call.made(kind(call.x.order[axis]))

    return rule


def channels(call: Call, constant: Host, place: int = 0) -> Host:
    """Return a constant beside a value as one number for each channel, (c,).

    Raises:
        Refused: it is another one for every row, column or sample.
    """
    value = call.value(place)
    if constant.ndim > len(value.order):
        raise Refused(f"its constant has {constant.ndim} axes")
    full = constant.reshape((1,) * (len(value.order) - constant.ndim) + constant.shape)
    ours = full.transpose(numpy.argsort(value.order))
    c = value.shape[0]
    if ours.size not in (1, c) or ours.shape[1] != ours.size:
        raise Refused(f"its constant {constant.shape} is not one number for each channel")
    return numpy.array(numpy.broadcast_to(ours.reshape(-1), (c,)), "f8")


def arithmetic(kind: str) -> Callable[[Call], Result]:
    """Return the rule of +, -, * or /, of two values or of a value and a constant."""

    def rule(call: Call) -> Result:
        if len(call.inputs) != 2:
            raise Refused(f"it has {counted(len(call.inputs), 'input')}")
        a, b = call.inputs
        if isinstance(a, Value) and isinstance(b, Value):
            return _two_values(call, kind, a, b)
        place = 0 if isinstance(a, Value) else 1
        constant = channels(call, as_float32(call.constant(1 - place)), place)
        one, zero = numpy.ones_like(constant), numpy.zeros_like(constant)
        if kind == "/" and (place == 1 or not constant.all()):
            raise Refused("it divides by the samples, or by 0")
        part = {
            "+": Affine(one, constant),
            "-": Affine(one, -constant) if place == 0 else Affine(-one, constant),
            "*": Affine(constant, zero),
            "/": Affine(1 / constant if kind == "/" else one, zero),
        }[kind]
        return Result(call.value(place), (part,))

    return rule


def negative(call: Call) -> Result:
    one = numpy.ones(call.x.shape[0])
    return Result(call.x, (Affine(-one, 0 * one),))


def _two_values(call: Call, kind: str, a: Value, b: Value) -> Result:
    if kind in ("-", "/"):
        raise Refused("both of its inputs depend on the samples")
    if a.order != b.order:
        raise Refused("its inputs have their axes in different orders")
    if kind == "+":
        if a.shape != b.shape:
            raise Refused(f"its inputs have shapes {a.shape} and {b.shape}")
        return Result(a, meeting="add")
    try:
        shape = numpy.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        raise Refused(f"its inputs have shapes {a.shape} and {b.shape}") from error
    return Result(Value(shape, a.order), meeting="multiply")
