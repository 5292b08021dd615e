"""Rules that turn several ONNX nodes into one layer, so that only layers remain of a chain.

x * sigmoid(x)                     SiLU
conv, * scale, + shift             a convolution with other filters and bias
pad, conv                          a convolution with padding
x * relu6(x + 3) / 6               HardSwish
x * (1 + erf(x / sqrt 2)) / 2      GELU
reshape, normalise, reshape back   group normalisation
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

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
from xpcnn.ops.reference.windows import pair, sides

Rule = Callable[[Part, Part], Chain | None]
"""(a part, the one after it) -> what stands for both, or None where the rule does not apply."""

_NOT_NEGATIVE = (layers.ReLU, layers.ReLU6, layers.Sigmoid, layers.HardSigmoid)


def rewritten(chain: Chain) -> Chain:
    """Return a chain that computes the same, with as few parts that are no layers as can be."""
    chain = tuple(_inside(part, rewritten) for part in chain)
    for rules in (_PATTERNS, _FOLDS):
        chain = _applied(chain, rules)
    return chain


def finished(chain: Chain) -> Chain:
    """Return a chain whose scales and orders of rows are merged into the dense layers after them.

    Later than `rewritten`, because the first scale may be the normalisation of the samples.
    """
    return _applied(tuple(_inside(part, finished) for part in chain), (_before_dense,))


def _inside(part: Part, change: Callable[[Chain], Chain]) -> Part:
    """Return a part with its branches changed."""
    if not isinstance(part, Merge):
        return part
    return replace(part, branches=tuple(change(branch) for branch in part.branches))


def _applied(chain: Chain, rules: tuple[Rule, ...]) -> Chain:
    """Apply rules to neighbours, from the front, until none applies."""
    done: list[Part] = []
    coming = [*reversed(chain)]
    while coming:
        part = coming.pop()
        alone = _alone(part)
        if alone is not None:
            coming += reversed(alone)
            continue
        found = next((new for rule in rules for new in _tried(rule, done, part)), None)
        if found is None:
            done.append(part)
        else:
            done.pop()
            coming += reversed(found)
    return tuple(done)


def _tried(rule: Rule, done: list[Part], part: Part) -> Iterator[Chain]:
    if done:
        found = rule(done[-1], part)
        if found is not None:
            yield found


def _alone(part: Part) -> Chain | None:
    """Return what stands for one part."""
    if isinstance(part, Affine) and part.is_near(1, 0):
        return ()
    if isinstance(part, Shaped) and part.before == part.after:
        return ()
    if isinstance(part, Padded) and part.around == ((0, 0), (0, 0)):
        return ()
    return _gate(part) if isinstance(part, Merge) and part.kind == "multiply" else None


def _gate(part: Merge) -> Chain | None:
    """Return the activation x * f(x), and scales of branches after the meeting."""
    for i, branch in enumerate(part.branches):
        last = branch[-1] if branch else None
        if isinstance(last, Affine) and last.factor is not None:
            branches = list(part.branches)
            branches[i] = branch[:-1]
            channels = max(shape[0] for shape in part.shapes)
            scale = numpy.full(channels, last.factor)
            return replace(part, branches=tuple(branches)), Affine(scale, 0 * scale)
    if len(part.branches) != 2 or () not in part.branches:
        return None
    gate = part.branches[0] or part.branches[1]
    kinds = [type(p.layer) if isinstance(p, Leaf) else type(p) for p in gate]
    if kinds == [layers.Sigmoid]:
        return (Leaf(layers.SiLU()),)
    if kinds == [layers.HardSigmoid]:
        (leaf,) = gate
        assert isinstance(leaf, Leaf)
        close = numpy.allclose((leaf.layer.slope, leaf.layer.offset), (1 / 6, 0.5), rtol=1e-6)  # type: ignore[attr-defined]  # of HardSigmoid
        return (Leaf(layers.HardSwish()),) if close else None
    if kinds == [layers.Softplus, layers.Tanh]:
        return (Leaf(layers.Mish()),)
    if kinds == [Affine, Erf, Affine]:
        inner, _, outer = gate
        assert isinstance(inner, Affine)
        assert isinstance(outer, Affine)
        some = outer.scale[0]  # 1, or 1/2 where the half is taken before x is multiplied
        if inner.is_near(math.sqrt(0.5), 0) and outer.is_near(some, some):
            return Leaf(layers.GELU()), replace(outer, scale=2 * outer.scale, shift=0 * outer.shift)
    return None


def _affine_twice(a: Part, b: Part) -> Chain | None:
    return (b.after(a),) if isinstance(a, Affine) and isinstance(b, Affine) else None


def _hard_sigmoid(a: Part, b: Part) -> Chain | None:
    """relu6(x + 3) = 6 hard_sigmoid(x)."""
    if isinstance(a, Affine) and a.is_near(1, 3) and _is(b, layers.ReLU6):
        return Leaf(layers.HardSigmoid()), Affine(6 * a.scale, 0 * a.shift)
    return None


def _min_pool(a: Part, b: Part) -> Chain | None:
    """-max(x) = min(-x)."""
    if isinstance(a, Leaf) and type(a.layer) is layers.MaxPool2D and isinstance(b, Affine):
        return (b, Leaf(layers.MinPool2D(**vars(a.layer)))) if b.factor == -1 else None
    return None


def _is(part: Part, *kinds: type) -> bool:
    return isinstance(part, Leaf) and isinstance(part.layer, kinds)


def _scaled_filters(a: Part, b: Part) -> Chain | None:
    """s (w x + b) + t = (s w) x + (s b + t), for filters, and for gamma and beta."""
    if not (isinstance(a, Leaf) and isinstance(b, Affine)):
        return None
    layer, params = a.layer, a.params
    if isinstance(layer, layers.Conv2D | layers.Dense):
        images = isinstance(layer, layers.Conv2D)
        scale = b.scale.reshape((-1, 1, 1, 1) if images else (1, -1))
        bias = b.scale * params.get("bias", 0.0) + b.shift
        new = {"weight": params["weight"] * scale}
        if layer.bias or bias.any():
            new["bias"] = bias
        kept = replace(layer, bias="bias" in new)
        return (Leaf(kept, {name: x.astype("f4") for name, x in new.items()}),)
    if isinstance(layer, layers.BatchNorm | layers.GroupNorm):
        new = {"gamma": b.scale * params["gamma"], "beta": b.scale * params["beta"] + b.shift}
        return (Leaf(layer, {name: x.astype("f4") for name, x in new.items()}, a.buffers),)
    return None


def _before_dense(a: Part, b: Part) -> Chain | None:
    """(s x + t) w + b = x (s w) + (t w + b); rows in another order are rows of w in that order."""
    if not (isinstance(b, Leaf) and isinstance(b.layer, layers.Dense)):
        return None
    weight = b.params["weight"]
    if isinstance(a, Reordered):
        new = numpy.empty_like(weight)
        new[a.index] = weight
        return (Leaf(b.layer, {**b.params, "weight": new}),)
    if isinstance(a, Affine):
        bias = a.shift @ weight.astype("f8") + b.params.get("bias", 0.0)
        params = {"weight": weight * a.scale[:, None], "bias": bias}
        layer = replace(b.layer, bias=True)
        return (Leaf(layer, {name: x.astype("f4") for name, x in params.items()}),)
    return None


def _padding(a: Part, b: Part) -> Chain | None:
    """A constant around the image becomes the padding of the windows that follow, if it is that."""
    if not (isinstance(a, Padded) and isinstance(b, Leaf)):
        return None
    layer = b.layer
    if isinstance(layer, layers.Conv2D):
        fits, dilation = a.value == 0, pair(layer.dilation)
    elif isinstance(layer, layers.MaxPool2D):
        fits, dilation = a.least or a.value < -3.4e38, (1, 1)
    elif isinstance(layer, layers.AvgPool2D):
        fits, dilation = a.value == 0 and layer.count_include_pad, (1, 1)
    else:
        return None
    if not fits:
        return None
    own = sides(layer.padding, (1, 1), pair(layer.size), (1, 1), dilation)
    if own != ((0, 0), (0, 0)) and not isinstance(layer, layers.Conv2D):
        return None
    (top, bottom), (left, right) = (
        (first[0] + second[0], first[1] + second[1])
        for first, second in zip(a.around, own, strict=True)
    )
    return (Leaf(replace(layer, padding=((top, bottom), (left, right))), b.params),)


def _zeros_are_least(a: Part, b: Part) -> Chain | None:
    if isinstance(b, Padded) and b.value == 0 and not b.least and _is(a, *_NOT_NEGATIVE):
        return a, replace(b, least=True)
    return None


def _group_norm(a: Part, b: Part) -> Chain | None:
    """Groups that are normalised as the channels of another shape are groups of channels before."""
    if not (isinstance(a, Shaped) and isinstance(b, Leaf)):
        return None
    layer, c = b.layer, a.before[0]
    if not isinstance(layer, layers.GroupNorm) or layer.groups != a.after[0] or c % layer.groups:
        return None
    if (b.params["gamma"] != 1).any() or b.params["beta"].any():
        return None
    params = {name: numpy.resize(x, c) for name, x in b.params.items()}
    return Leaf(layer, params), a


def _shaped_twice(a: Part, b: Part) -> Chain | None:
    if isinstance(a, Shaped) and isinstance(b, Shaped):
        return (Shaped(a.before, b.after),)
    return None


_PATTERNS: tuple[Rule, ...] = (
    *(_affine_twice, _hard_sigmoid, _min_pool, _shaped_twice, _zeros_are_least, _group_norm),
)
_FOLDS: tuple[Rule, ...] = (_affine_twice, _scaled_filters, _padding)
