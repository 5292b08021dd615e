"""One small call of every op, for what all ops promise alike; and any op as a layer.

Float64 arrays take the dtype that a test asks for; others (labels, uniforms) keep theirs.
"""

from dataclasses import dataclass
from typing import Any

import numpy

from tests.lib import Host, Lib
from tests.ops.test_activation import TABLE as ACTIVATIONS
from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers import Context
from xpcnn.types import Array, Params, Shape, namespace


@dataclass(frozen=True, eq=False)
class Call:
    """An op with its arguments; `learnt` says which arrays have a gradient."""

    op: str
    arrays: tuple[Host | None, ...]
    learnt: tuple[bool, ...]
    options: dict[str, Any]

    def __str__(self) -> str:
        return ", ".join([self.op, *(f"{k}={v}" for k, v in self.options.items())])

    def move(self, lib: Lib, dtype: str = "float64") -> list[Array | None]:
        """Return the arrays of the call as arrays of the library."""
        return [
            None if a is None else lib.asarray(a, dtype if a.dtype == "float64" else None)
            for a in self.arrays
        ]

    def run(self, arrays: list[Array | None]) -> tuple[tuple[Array, ...], Any]:
        """Return the outputs, always as a tuple, and the pullback."""
        y, pullback = getattr(ops, self.op)(*arrays, **self.options)
        return (y if isinstance(y, tuple) else (y,)), pullback


RNG = numpy.random.default_rng(0)


def values(*shape: int) -> Host:
    """Draw distinct numbers between -2 and 2."""
    return RNG.permutation(numpy.linspace(-2.0, 2.0, 1 + int(numpy.prod(shape)))[1:]).reshape(shape)


def call(op: str, *arrays: Host | None, learnt: tuple[bool, ...] = (), **options: Any) -> Call:
    return Call(op, arrays, learnt or tuple(a is not None for a in arrays), options)


IMAGES = values(2, 4, 5, 6)
ROWS = values(3, 4)
SOFT = numpy.asarray([[0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 1.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
VECTOR = values(4)
POSITIVE = numpy.asarray([0.5, 1.0, 1.5, 2.0])
PROBABILITIES = numpy.abs(values(3, 4)) / 2
WIDER = {"hard_sigmoid": 1.9, "hard_swish": 1.9, "relu6": 4.1}  # their corners are beyond 2

CALLS = [
    call("conv2d", IMAGES, values(6, 4, 3, 2), values(6), padding=1),
    call("conv2d", IMAGES, values(4, 2, 2, 3), None, groups=2, stride=2, dilation=(2, 1)),
    call("conv_transpose2d", IMAGES, values(4, 3, 3, 2), values(3), stride=2, output_padding=1),
    call("conv_transpose2d", IMAGES, values(4, 3, 3, 2), None, groups=2, padding=1, dilation=2),
    call("conv_relu_pool", IMAGES, values(6, 4, 3, 2), values(6), padding=1),
    call("conv_relu_pool", IMAGES, values(6, 4, 3, 2), values(6), padding=1, pool=2),
    call("conv_relu_pool", IMAGES, values(4, 2, 2, 3), None, groups=2, pool=(2, 3)),
    call("conv_relu_pool", IMAGES, values(6, 4, 3, 2), values(6), limit=0.7),
    call("max_pool2d", IMAGES, size=2),
    call("max_pool2d", IMAGES, size=3, stride=2, padding=1, ceil_mode=True),
    call("avg_pool2d", IMAGES, size=2),
    call("avg_pool2d", IMAGES, size=3, stride=2, padding=1, count_include_pad=False),
    call("adaptive_avg_pool2d", IMAGES, size=(3, 4)),
    call("adaptive_max_pool2d", IMAGES, size=(3, 4)),
    call("global_avg_pool2d", IMAGES),
    call("global_max_pool2d", IMAGES),
    call("dense", ROWS, values(4, 5), values(5)),
    call("dense", ROWS, values(4, 5), None),
    call("reshape", IMAGES, shape=(5, -1)),
    call("flatten", IMAGES),
    call("batch_norm", IMAGES, POSITIVE, VECTOR),
    call("batch_norm", ROWS, None, None),
    call("batch_norm_relu", IMAGES, POSITIVE, VECTOR, pool=2),
    call("batch_norm_relu", IMAGES, None, VECTOR),
    call("batch_norm_relu", ROWS, None, None),
    call("batch_norm_relu", IMAGES, POSITIVE, VECTOR, limit=0.7),
    call("batch_norm_add_relu", IMAGES, POSITIVE, VECTOR, values(2, 4, 5, 6)),
    call("batch_norm_add_relu", ROWS, None, None, values(3, 4)),
    call(
        "batch_norm_inference",
        *(IMAGES, POSITIVE, VECTOR, VECTOR, POSITIVE),
        learnt=(True, True, True, False, False),
    ),
    call("layer_norm", IMAGES, values(4, 5, 6), values(4, 5, 6), axes=(1, 2, 3)),
    call("layer_norm", IMAGES, POSITIVE, None, axes=(1,)),
    call("group_norm", IMAGES, POSITIVE, VECTOR, groups=2),
    call("group_norm", ROWS, None, None, groups=1),
    call("upsample2d", IMAGES, size=(10, 12)),
    call("upsample2d", IMAGES, size=(7, 4), mode="bilinear"),
    call("dropout", ROWS, PROBABILITIES.astype("float32"), learnt=(True, False), rate=0.5),
    call("add", IMAGES, values(2, 4, 5, 6)),
    call("add_relu", IMAGES, values(2, 4, 5, 6) + 0.01),
    call("multiply", IMAGES, values(2, 4, 1, 1)),
    call("multiply", ROWS, values(3, 4)),
    *(call(f, WIDER.get(f, 1.0) * IMAGES, **options) for f, options, *_ in ACTIVATIONS),
    call("prelu", IMAGES, VECTOR),
    call("prelu", IMAGES, values(1)),
    call("softmax", ROWS),
    call("log_softmax", IMAGES, axis=1),
    call(
        "softmax_cross_entropy",
        *(ROWS, numpy.asarray([1, -100, 3]), POSITIVE),
        learnt=(True, False, False),
        label_smoothing=0.1,
    ),
    call("softmax_cross_entropy", ROWS, SOFT, None),
    call("bce_with_logits", ROWS, PROBABILITIES, None, None),
    call(
        "bce_with_logits",
        *(ROWS, PROBABILITIES, abs(values(3, 4)), abs(values(4))),
        learnt=(True, True, False, False),
    ),
    call("focal_with_logits", ROWS, PROBABILITIES, None, None),
    call(
        "focal_with_logits",
        *(ROWS, PROBABILITIES, abs(values(3, 4)), abs(values(4))),
        learnt=(True, True, False, False),
        gamma=0.5,
    ),
    call("mse", ROWS, values(3, 4)),
    call("l1", ROWS, values(3, 4) + 0.01, None),
    call("l1", ROWS, values(3, 4) + 0.01, abs(values(4)), learnt=(True, True, False)),
    call("huber", ROWS, values(3, 4) + 0.01, None),
    call(
        "huber",
        *(ROWS, values(3, 4) + 0.01, abs(values(3, 1))),
        learnt=(True, True, False),
        delta=0.7,
    ),
]


@dataclass(frozen=True)
class OpLayer:
    """A call as a layer: x is its first array, parameters are the others that have a gradient.

    A loss is repeated for every sample, as the output of a layer has a batch axis.
    """

    call: Call

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        arrays = [a for a in self.call.arrays if a is not None]
        y = getattr(ops, self.call.op)(*self.call.arrays, **self.call.options)[0]
        params = {
            f"argument{i}": a
            for i, (a, learnt) in enumerate(zip(self.call.arrays, self.call.learnt, strict=True))
            if i > 0 and learnt
        }
        assert shape == arrays[0].shape[1:]
        return params, {}, (y[0] if isinstance(y, tuple) else y).shape[1:]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, Any]:
        xp = namespace(x)

        def argument(i: int, a: Host | None) -> Array | None:
            if i == 0 or a is None:
                return x if i == 0 else None
            dtype = x.dtype if a.dtype == "float64" else getattr(xp, a.dtype.name)
            default = xp.asarray(a.tolist(), dtype=dtype, device=x.device)
            return params.get(f"argument{i}", default)

        (y, *_), back = self.call.run([argument(i, a) for i, a in enumerate(self.call.arrays)])
        is_loss = y.ndim == 0

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, *others = back(xp.sum(dy) if is_loss else dy)
            named = {f"argument{i}": d for i, d in enumerate(others, start=1)}
            return (dx if want_dx else None), {name: named[name] for name in params}

        return (y + xp.zeros_like(x[:, 0]) if is_loss else y), {}, pullback
