"""One op on one batch, forward and backward, here and in PyTorch: `python -m tests.bench.op_sides`.

The process of a side of `tests.bench.kernels`; see `xpcnn.benchmark.process.serve`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy

from tests.bench.ours_and_theirs import opener, require_agreement
from xpcnn import backend, ops
from xpcnn.benchmark import serve

FORMS = ("contiguous_format", "channels_last")
"""PyTorch's memory formats, the forms of its side."""

TOLERANCE = 1e-4  # relative to the largest number: a wrong op is off by much more


class Case(NamedTuple):
    """op and its options; shapes: of x without the batch axis, and of the other arrays."""

    op: str
    shapes: tuple[tuple[int, ...], ...]
    options: dict[str, Any] = {}  # noqa: RUF012 - read only


MAPS, LARGE = (64, 16, 16), (64, 32, 32)


def conv(f: int, c_group: int, size: int, **options: Any) -> Case:
    """Return a convolution of 64 channels, f filters over c_group of them each."""
    image = LARGE if options.get("stride") == 2 else MAPS
    return Case("conv2d", (image, (f, c_group, size, size), (f,)), options)


ACTIVATIONS = (
    *("relu", "sigmoid", "tanh", "gelu", "silu", "mish", "softplus", "leaky_relu"),
    *("elu", "selu", "softsign", "hard_sigmoid", "hard_swish"),
)
CASES = {name: Case(name, (MAPS,)) for name in ACTIVATIONS} | {
    "gelu, tanh": Case("gelu", (MAPS,), {"approximate": "tanh"}),
    "max_pool 3/2/1": Case("max_pool2d", (LARGE,), {"size": 3, "stride": 2, "padding": 1}),
    "max_pool 2": Case("max_pool2d", (LARGE,), {"size": 2}),
    "avg_pool 3/2/1": Case("avg_pool2d", (LARGE,), {"size": 3, "stride": 2, "padding": 1}),
    "avg_pool 2": Case("avg_pool2d", (LARGE,), {"size": 2}),
    "depthwise 3x3": conv(64, 1, 3, padding=1, groups=64),
    "depthwise 3x3, stride 2": conv(64, 1, 3, stride=2, padding=1, groups=64),
    "depthwise 5x5": conv(64, 1, 5, padding=2, groups=64),
    "3x3, 8 groups": conv(64, 8, 3, padding=1, groups=8),
    "1x1, 64 to 128": conv(128, 64, 1),
    "1x1, 64 to 256": conv(256, 64, 1),
    "1x1, stride 2": conv(128, 64, 1, stride=2),
    "transposed 3x3": Case("conv_transpose2d", (MAPS, (64, 64, 3, 3), (64,)), {"padding": 1}),
    "transposed 4x4, stride 2": Case(
        "conv_transpose2d", (MAPS, (64, 32, 4, 4), (32,)), {"stride": 2, "padding": 1}
    ),
    "upsample 2, nearest": Case("upsample2d", (MAPS,), {"size": (32, 32)}),
    "upsample 2, bilinear": Case("upsample2d", (MAPS,), {"size": (32, 32), "mode": "bilinear"}),
    "layer norm": Case("layer_norm", (MAPS, MAPS, MAPS), {"axes": (1, 2, 3)}),
    "group norm, 8 groups": Case("group_norm", (MAPS, (64,), (64,)), {"groups": 8}),
    "group norm, 32 groups of 4": Case(
        "group_norm", ((128, 16, 16), (128,), (128,)), {"groups": 32}
    ),
    "adaptive mean, 7x7": Case("adaptive_avg_pool2d", (LARGE,), {"size": (7, 7)}),
    "adaptive mean, 4x4": Case("adaptive_avg_pool2d", (LARGE,), {"size": (4, 4)}),
    "cross-entropy, 10": Case("softmax_cross_entropy", ((10,),)),
    "cross-entropy, 100": Case("softmax_cross_entropy", ((100,),)),
    "cross-entropy, 1000": Case("softmax_cross_entropy", ((1000,),)),
}


def arrays(case: Case, batch: int) -> list[numpy.ndarray]:
    """Return normal numbers, x laid out as training has it, and labels where the op takes them."""
    rng = numpy.random.default_rng(0)
    first, *others = case.shapes
    x = rng.standard_normal((*first, batch), "float32")
    found: list[numpy.ndarray] = [numpy.moveaxis(x, -1, 0)]
    found += [rng.standard_normal(shape, "float32") for shape in others]
    if case.op == "softmax_cross_entropy":
        found = [numpy.ascontiguousarray(found[0]), rng.integers(0, first[0], batch)]
    return found


class Ours:
    """An op of ours and its pullback."""

    def __init__(self, name: str, batch: int) -> None:
        self.case = CASES[name]
        self.session = backend.load("numpy").session
        self.arrays = arrays(self.case, batch)
        y, _ = self.call()
        memory = numpy.moveaxis(y, 0, -1) if y.ndim == 4 else y
        dy = numpy.random.default_rng(1).standard_normal(memory.shape, "float32")
        self.dy = numpy.moveaxis(dy, -1, 0) if y.ndim == 4 else dy

    def call(self) -> Any:
        return getattr(ops, self.case.op)(*self.arrays, **self.case.options)

    def step(self) -> None:
        self.results()

    def results(self) -> list[numpy.ndarray]:
        """Return y and the gradients."""
        y, pullback = self.call()
        return [y, *(d for d in pullback(self.dy) if d is not None)]


OPS = {
    "softmax_cross_entropy": "cross_entropy",
    "hard_sigmoid": "hardsigmoid",
    "hard_swish": "hardswish",
}
"""Ops whose names differ in torch.nn.functional."""


def of_torch(functional: Any, case: Case) -> Callable[..., Any]:
    """Return the function of torch.nn.functional that computes a case, of its arrays alone."""
    options = dict(case.options)
    if case.op == "upsample2d":
        return partial(functional.interpolate, **options)
    if case.op == "adaptive_avg_pool2d":
        return partial(functional.adaptive_avg_pool2d, output_size=options["size"])
    if case.op == "layer_norm":
        return lambda x, gamma, beta: functional.layer_norm(x, gamma.shape, gamma, beta)
    if case.op == "group_norm":
        return lambda x, *learnt: functional.group_norm(x, options["groups"], *learnt)
    if "size" in options:
        options["kernel_size"] = options.pop("size")
    return partial(getattr(functional, OPS.get(case.op, case.op)), **options)


class Theirs:
    """The op of PyTorch and its backward pass, in a memory format."""

    def __init__(self, name: str, batch: int, form: str) -> None:
        import torch

        self.function = of_torch(torch.nn.functional, CASES[name])
        ours = Ours(name, batch)
        memory = getattr(torch, form)

        def moved(x: numpy.ndarray) -> Any:
            there = torch.from_numpy(numpy.array(x, order="C"))
            return there.contiguous(memory_format=memory) if x.ndim == 4 else there

        self.arrays: list[Any] = [moved(a) for a in ours.arrays]
        self.learnt = [a.requires_grad_() for a in self.arrays if a.is_floating_point()]
        self.dy = moved(numpy.asarray(ours.dy))

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()

    def step(self) -> None:
        for a in self.learnt:
            a.grad = None
        self.y = self.function(*self.arrays)
        self.y.backward(self.dy)

    def results(self) -> list[numpy.ndarray]:
        """Return y and the gradients."""
        self.step()
        return [self.y.detach().numpy(), *(a.grad.numpy() for a in self.learnt)]


def compare(name: str, batch: int) -> None:
    """Require that both sides of a case compute the same."""
    require_agreement(name, Ours(name, batch), Theirs(name, batch, FORMS[0]), TOLERANCE)


if __name__ == "__main__":
    serve(opener(Ours, Theirs))
