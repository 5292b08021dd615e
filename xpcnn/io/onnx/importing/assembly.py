"""A chain of parts as one layer with its parameters and buffers."""

import math
from collections.abc import Sequence

import numpy

from xpcnn import layers
from xpcnn.io.onnx.importing.parts import (
    Affine,
    Chain,
    Erf,
    Leaf,
    Merge,
    Padded,
    Part,
    Reordered,
    Shaped,
)
from xpcnn.io.onnx.importing.source import Refused
from xpcnn.layers import Layer


def assembled(chain: Chain) -> Leaf:
    """Return a `Sequential` of the parts of a chain, one or more.

    Raises:
        Refused: a part has no layer; begins with the name of its node.
    """
    leaves = _leaves(chain)
    return _container(layers.Sequential([leaf.layer for leaf in leaves]), leaves)


def _leaves(chain: Chain) -> list[Leaf]:
    return [_leaf(part) for part in chain] or [Leaf(layers.Identity())]


def _branch(chain: Chain) -> Leaf:
    """Return a branch as one layer, which is a `Sequential` of several."""
    leaves = _leaves(chain)
    return leaves[0] if len(leaves) == 1 else assembled(chain)


def _container(layer: Layer, leaves: Sequence[Leaf]) -> Leaf:
    names = [name for name, _ in layer.children()]  # type: ignore[attr-defined]  # of a container
    return Leaf(
        layer,
        {name: leaf.params for name, leaf in zip(names, leaves, strict=True)},
        {name: leaf.buffers for name, leaf in zip(names, leaves, strict=True)},
    )


def _leaf(part: Part) -> Leaf:
    match part:
        case Leaf():
            return part
        case Merge():
            return _merge(part)
        case Affine():
            return _batch_norm(part)
        case Padded():
            return _padding(part)
        case Shaped():
            rows = part.after == (math.prod(part.before),)
            return Leaf(layers.Flatten() if rows else layers.Reshape(part.after))
        case Erf():
            raise Refused(f"{part.node}: it is not part of a GELU")
        case Reordered():
            raise Refused(f"{part.node}: rows of channels last are not followed by a matrix")


def _merge(part: Merge) -> Leaf:
    if part.kind == "add":
        return _residual(part)
    if part.kind == "multiply":
        return _product(part)
    branches = [_branch(chain) for chain in part.branches]
    return _container(layers.Concat([leaf.layer for leaf in branches]), branches)


def _residual(part: Merge) -> Leaf:
    body, shortcut = sorted(part.branches, key=len, reverse=True)
    leaves = [_branch(chain) for chain in (body, shortcut) if chain]
    if not leaves:
        raise Refused(f"{part.node}: it adds an array to itself")
    return _container(layers.Residual(*(leaf.layer for leaf in leaves)), leaves)


def _product(part: Merge) -> Leaf:
    """Return a `Multiply`, whose body makes the smaller factor: it is broadcast to the other."""
    pairs = [*zip(part.branches, part.shapes, strict=True)]
    (body, _), (shortcut, large) = sorted(
        pairs, key=lambda pair: (math.prod(pair[1]), -len(pair[0]))
    )
    if not body:
        raise Refused(f"{part.node}: it multiplies an array by itself, or by a larger one")
    if isinstance(last := body[-1], Shaped) and last.before == large[:1] and len(body) > 1:
        body = body[:-1]  # one number per channel
    leaves = [_branch(chain) for chain in (body, shortcut) if chain]
    return _container(layers.Multiply(*(leaf.layer for leaf in leaves)), leaves)


def _batch_norm(part: Affine) -> Leaf:
    """Return scale and shift as a batch norm with the statistics 0 and 1."""
    layer = layers.BatchNorm()
    params = {"gamma": part.scale.astype("f4"), "beta": part.shift.astype("f4")}
    mean = numpy.zeros_like(params["gamma"])
    return Leaf(layer, params, {"mean": mean, "var": mean + numpy.float32(1 - layer.eps)})


def _padding(part: Padded) -> Leaf:
    """Return zeros around the image as the padding of a convolution that changes no pixel."""
    if part.value != 0:
        raise Refused(f"{part.node}: no layer puts {part.value:g} around images")
    c = part.channels
    layer = layers.Conv2D(c, 1, padding=part.around, groups=c, bias=False)
    return Leaf(layer, {"weight": numpy.ones((c, 1, 1, 1), "f4")})
