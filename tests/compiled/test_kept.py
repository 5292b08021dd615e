"""A pullback keeps in memory no array but those that its gradients are computed from."""

import weakref
from typing import Any

import numpy
import pytest

from tests.compiled.support import compiled, require_compiler

IMAGES, CHANNELS = (4, 8, 6, 6), (8,)
CASES: dict[str, tuple[list[tuple[int, ...]], dict[str, Any], set[str]]] = {
    "conv2d": ([IMAGES, (8, 8, 3, 3), CHANNELS], {}, {"x"}),
    "conv_relu_pool": ([IMAGES, (8, 8, 3, 3), CHANNELS], {"pool": 2}, {"x"}),
    "conv_transpose2d": ([IMAGES, (8, 8, 3, 3), CHANNELS], {}, {"x"}),
    "dense": ([(16, 8), (8, 8), CHANNELS], {}, {"x"}),
    "batch_norm": ([IMAGES, CHANNELS, CHANNELS], {}, {"x"}),
    "batch_norm_relu": ([IMAGES, CHANNELS, CHANNELS], {}, {"x"}),
    "batch_norm_add_relu": ([IMAGES, CHANNELS, CHANNELS, IMAGES], {}, {"x", "y"}),
    "layer_norm": ([IMAGES, CHANNELS, CHANNELS], {"axes": (1,)}, {"x"}),
    "group_norm": ([IMAGES, CHANNELS, CHANNELS], {"groups": 2}, {"x"}),
    "max_pool2d": ([IMAGES], {"size": 2}, set()),
    "avg_pool2d": ([IMAGES], {"size": 2}, set()),
    "global_avg_pool2d": ([IMAGES], {}, set()),
    "adaptive_avg_pool2d": ([IMAGES], {"size": (4, 4)}, set()),
    "upsample2d": ([IMAGES], {"size": (12, 12)}, set()),
    "add": ([IMAGES, IMAGES], {}, set()),
    "add_relu": ([IMAGES, IMAGES], {}, {"y"}),
    "relu": ([IMAGES], {}, {"y"}),
    "gelu": ([IMAGES], {}, {"x"}),
}
"""Of an op: the shapes of its arrays, its options, and what is kept of x, what is added, and y."""


def in_memory(x: numpy.ndarray) -> weakref.ref[Any]:
    """Return a weak reference to the array that owns the memory of x."""
    while isinstance(x.base, numpy.ndarray):
        x = x.base
    return weakref.ref(x)


@pytest.mark.parametrize("op", CASES)
def test_arrays_that_a_pullback_keeps(op: str) -> None:
    require_compiler()
    shapes, options, expected = CASES[op]
    rng = numpy.random.default_rng(0)
    arrays = [rng.standard_normal((*s[1:], s[0]), "float32") for s in shapes]
    arrays = [numpy.moveaxis(a, -1, 0) if a.ndim == 4 else a.T for a in arrays]
    output, pullback = compiled.KERNELS[op](*arrays, **options)
    y = output[0] if isinstance(output, tuple) else output
    named = {"x": arrays[0], "y": y} | ({"added": arrays[-1]} if "add" in op else {})
    references = {name: in_memory(a) for name, a in named.items()}
    del arrays, output, y, named
    assert {name for name, reference in references.items() if reference() is not None} == expected
    del pullback
