"""A call of every kernel in C, forward and backward, on arrays of odd sizes."""

from typing import Any
from unittest import mock

import numpy
import pytest

from tests.compiled.support import compiled, cut, library, pointwise, require_compiler, whole
from tests.lib import Host
from xpcnn import backend
from xpcnn.optimizers import SGD, Adam


def calls() -> set[str]:
    """Call every kernel, in several pieces on two threads; return the names of the C functions."""
    called: set[str] = set()
    call = library.Call.__call__

    def noted(self: Any, *arguments: Any) -> None:
        called.add(self.name)
        call(self, *arguments)

    with mock.patch.object(library.Call, "__call__", noted):
        all_kernels()
    return called


def misaligned(x: Host) -> Host:
    """Return a copy of x that begins between two addresses of numbers."""
    return numpy.frombuffer(b"." + x.tobytes(), x.dtype, x.size, 1).reshape(x.shape)


def all_kernels() -> None:
    rng = numpy.random.default_rng(0)
    for n, c, f in ((1, 3, 1), (7, 1, 6), (9, 4, 7), (33, 2, 11), (65, 17, 5)):
        x, w, b = whole(rng, n, c, 7, 6), whole(rng, f, c, 3, 2), whole(rng, f)
        rows = x.reshape(n, -1)
        tiles, filters = whole(rng, n, 17, 7, 6), whole(rng, 15 + f, 17, 3, 3)
        with cut(3, 2):
            for options in ({}, {"padding": ((4, 0), (1, 3))}, {"stride": (2, 3), "dilation": 2}):
                back("conv2d", x, w, b, **options)
                back("conv_relu_pool", x, w, b, **options)
                back("conv_relu_pool", x, w, None, pool=(2, 1), **options)
            for padding in (1, ((4, 0), (1, 3))):  # by Winograd's algorithm
                back("conv2d", tiles, filters, padding=padding)
                back("conv_relu_pool", tiles, filters, padding=padding)
                back("conv_relu_pool", tiles, filters, padding=padding, pool=2)
            back("conv2d", tiles, filters[:, :, :1, :1])
            one = whole(rng, 2 * c, 1, 3, 3)
            back("conv2d", x, one, None, groups=c, padding=1)
            for size, stride in ((3, 1), (3, 2), (5, 1), (5, 2)):
                own = whole(rng, c, 1, size, size)
                back("conv2d", x, own, None, groups=c, stride=stride, padding=((3, 0), (1, 2)))
            back("conv_relu_pool", x, one, b[:1].repeat(2 * c), groups=c, pool=2, stride=2)
            back("dense", rows, whole(rng, rows.shape[1], f), b)
            back("dense", rows.T.copy().T, whole(rng, rows.shape[1], f), None)
            back("conv2d", misaligned(x), misaligned(w), misaligned(b))
            back("relu", misaligned(x))
            back("batch_norm", x, b[:1].repeat(c), None)
            back("batch_norm_relu", x, b[:1].repeat(c), None)
            back("batch_norm_relu", x, None, b[:1].repeat(c), pool=(2, 4))
            back("batch_norm_add_relu", x, None, None, x[::-1])
            back("add", x, x[::-1])
            back("group_norm", x, b[:1].repeat(c), None, groups=c)
            back("layer_norm", x, None, x[0], axes=(1, 2, 3))
            back("upsample2d", x, size=(9, 7), mode="bilinear")
            back("adaptive_avg_pool2d", x, size=3)
            back("add_relu", x, x[::-1])
            back("batch_norm_inference", x, None, b[:1].repeat(c), *(numpy.ones((2, c), "f4")))
            compiled.KERNELS["fold_batch_norm"](w, b, b, b, b, b * b)
            compiled.KERNELS["normalise"](x.astype("u1"), *numpy.ones((2, c), "f4"))
            compiled.KERNELS["affine"](x, whole(rng, n, 6))
            compiled.KERNELS["mirrored"](x, whole(rng, n))
            compiled.KERNELS["shifted"](x, whole(rng, n, 2))
            compiled.KERNELS["bilinear"](x, *(9 * rng.random((2, 3, 4, n), "float32") - 2))
            turned = whole(rng, 5, 1 + n).T
            back("dropout", turned, backend.load("numpy").uniform(3, 1, turned.shape, 5), rate=0.5)
            labels = rng.integers(0, rows.shape[1], n)
            loss, loss_back = compiled.KERNELS["softmax_cross_entropy"](rows, labels)
            loss_back(loss)
            back("bce_with_logits", rows, (rows[::-1] > 0).astype("f4"))
            back("conv2d", x, w[:, :, :1, :1], b, stride=(2, 3))
            back("global_avg_pool2d", x)
            for pool in ("avg_pool2d", "max_pool2d"):
                back(pool, x, size=(3, 2))
                back(pool, x, size=3, stride=2, padding=1, dilation=(1, 2), ceil_mode=True)
            for activation in pointwise.ACTIVATIONS:
                back(activation, x)
            backend.load("numpy")
            for rule in (SGD(), SGD(momentum=0.5, nesterov=True), SGD(momentum=0.5), Adam()):
                params = {"x": x, "b": b}
                state = rule.init(params)
                time = [numpy.asarray(value, "float32") for value in (0.5, 1)]
                rule.update(params, params, state, *time)
                moved = {path: misaligned(p) for path, p in params.items()}
                rule.update(moved, moved, state, *time)


def back(op: str, *arrays: object, **options: object) -> None:
    y, pullback = compiled.KERNELS[op](*arrays, **options)
    first = y[0] if isinstance(y, tuple) else y
    pullback(first)
    pullback(first.copy())  # in another order of memory


def test_every_function_is_called(request: pytest.FixtureRequest) -> None:
    """So `python -m tests.sanitizers` watches all of them."""
    require_compiler()
    if request.config.getoption("--no-kernels"):
        pytest.skip("kernels: turned off by --no-kernels")
    others = {"runs_here", "instruction_set", "compiled_by", "repeat"}
    assert calls() == set(library.build.functions()) - others
