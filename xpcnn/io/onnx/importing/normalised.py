"""ONNX operators that normalise each sample by itself, as layer and group normalisation.

Before opset 17 there is no LayerNormalization: exporters write the nodes that compute one. They are
found by their operators, and replaced by one node of the operator `ALONG_AXES`, which ONNX does not
have.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy

from xpcnn import layers
from xpcnn.io.onnx.importing.calls import Call, Result, as_float32
from xpcnn.io.onnx.importing.folding import check_size
from xpcnn.io.onnx.importing.parts import Host, Leaf
from xpcnn.io.onnx.importing.source import Node, Refused

ALONG_AXES = "LayerNormalization along axes"
"""Inputs: x, eps, the exponent of the variance, axes of the mean and of the variance unless they
are an attribute, gamma, beta."""

Makers: TypeAlias = dict[tuple[str, str], Node]
"""Nodes by the name of an output and the operator."""


def layer_norm(call: Call) -> Result:
    """LayerNormalization: along the last axes, from `axis` on."""
    rank = len(call.x.order)
    axis = call.node.whole("axis", -1)
    axis += rank if axis < 0 else 0
    affine = call.optional(1), call.optional(2)
    return _layer_norm(call, range(axis, rank), call.node.number("epsilon", 1e-5), affine)


def layer_norm_along_axes(call: Call) -> Result:
    """(x - mean) / sqrt(var + eps) * gamma + beta, of several nodes."""
    axes, others = call.whole_numbers("axes", 3), call.whole_numbers("axes", 4)
    eps, exponent = call.constant(1), call.constant(2)
    if axes is None or axes != others:
        raise Refused(f"its mean is along axes {axes}, its variance along {others}")
    if eps.size != 1 or exponent.size != 1 or exponent.item() != 2:
        raise Refused("it divides by no deviation")
    rank = len(call.x.order)
    places = [axis + rank if axis < 0 else axis for axis in axes]
    return _layer_norm(call, places, float(eps.item()), (call.optional(5), call.optional(6)))


def _layer_norm(
    call: Call, places: Sequence[int], eps: float, affine: Sequence[Host | None]
) -> Result:
    """Return a `LayerNorm` along some axes of the file, `places`."""
    rank = len(call.x.order)
    if not places or not {*places} <= {*range(1, rank)}:
        raise Refused(f"axes are {list(places)} of {rank}")
    axes = sorted(call.x.order[place] for place in places)
    along: int | tuple[int, ...] | None = axes[0] if len(axes) == 1 else tuple(axes)
    layer = layers.LayerNorm(None if len(axes) == rank - 1 else along, eps=eps)
    given = zip(("gamma", "beta"), affine, (1.0, 0.0), strict=True)
    params = {
        name: _along(call, places, numpy.array(default) if constant is None else constant)
        for name, constant, default in given
    }
    return call.made(Leaf(layer, params))


def _along(call: Call, places: Sequence[int], constant: Host) -> Host:
    """Return a constant beside x as numbers along some axes of the file, in our order."""
    order, rank = call.x.order, len(call.x.order)
    sizes = call.x.file_shape(call.batch)
    wanted = tuple(size if i in places else 1 for i, size in enumerate(sizes))
    check_size(wanted)
    try:
        full = numpy.broadcast_to(as_float32(constant), wanted)
    except ValueError as error:
        message = f"its constant {constant.shape} is not one number for each of {wanted[1:]}"
        raise Refused(message) from error
    kept = sorted(order[place] for place in places)
    ours = full.transpose([order.index(axis) for axis in range(rank)])
    return numpy.ascontiguousarray(ours.reshape([call.x.shape[axis - 1] for axis in kept]))


def group_norm(call: Call) -> Result:
    """GroupNormalization; gamma and beta are of each group until opset 20, then of each channel."""
    groups, c = call.node.whole("num_groups", 0), call.in_order()[0]
    affine = [call.weights(place, 1) for place in (1, 2)]
    if call.opset < 21:
        affine = [numpy.repeat(x, c // max(1, groups)) if len(x) == groups else x for x in affine]
    return _group_norm(call, groups, affine)


def instance_norm(call: Call) -> Result:
    """InstanceNormalization: as many groups as channels."""
    return _group_norm(call, call.in_order()[0], [call.weights(place, 1) for place in (1, 2)])


def _group_norm(call: Call, groups: int, affine: Sequence[Host]) -> Result:
    layer = layers.GroupNorm(groups, eps=call.node.number("epsilon", 1e-5))
    return call.made(Leaf(layer, dict(zip(("gamma", "beta"), affine, strict=True))))


def with_layer_norms(nodes: Iterable[Node], start: str) -> Iterator[Node]:
    """Yield nodes, those at the end of a layer normalisation as one of `ALONG_AXES`.

    The nodes between are yielded too; none is needed unless something else depends on it.
    start: name of the samples.
    """
    makers: Makers = {}
    dependent = {start}
    for node in nodes:
        if dependent.intersection(node.inputs):
            dependent.update(node.outputs)
            if node.operator == "Div":
                node = _standardised(node, makers)
            elif node.operator in ("Mul", "Add"):
                node = _with_affine(node, makers, dependent)
        makers |= {(name, node.operator): node for name in node.outputs}
        yield node


def _standardised(node: Node, makers: Makers) -> Node:
    """Return a division (x - mean) / sqrt(var + eps) as one node; another one as it is."""
    try:
        centred, root = node.inputs
        x, middle = makers[centred, "Sub"].inputs
        (under,) = makers[root, "Sqrt"].inputs
        var, eps = makers[under, "Add"].inputs
        of_mean, of_var = makers[middle, "ReduceMean"], makers[var, "ReduceMean"]
        again, exponent = makers[of_var.inputs[0], "Pow"].inputs
        fits = makers[again, "Sub"].inputs == (x, middle) and of_mean.inputs[0] == x
        fits = fits and of_mean.attributes == of_var.attributes
    except (KeyError, ValueError, IndexError):
        return node
    if not fits or of_mean.attributes.get("keepdims", 1) != 1:
        return node
    axes = [(*reduction.inputs[1:], "")[0] for reduction in (of_mean, of_var)]
    inputs = x, eps, exponent, *axes
    return Node(node.name, ALONG_AXES, inputs, node.outputs, of_mean.attributes)


def _with_affine(node: Node, makers: Makers, dependent: set[str]) -> Node:
    """Return * gamma or + beta after a layer normalisation as part of it; another as it is."""
    before = 5 if node.operator == "Mul" else 6
    for first, constant in (node.inputs, node.inputs[::-1]) if len(node.inputs) == 2 else ():
        norm = makers.get((first, ALONG_AXES))
        if norm and constant and constant not in dependent and len(norm.inputs) <= before:
            inputs = (*norm.inputs, *("",) * (before - len(norm.inputs)), constant)
            return Node(node.name, ALONG_AXES, inputs, node.outputs, norm.attributes)
    return node
