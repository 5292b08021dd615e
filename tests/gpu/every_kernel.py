"""Launch every CUDA kernel: `python -m tests.gpu.every_kernel BACKEND DEVICE PRESET ...`.

At sizes that fill no block. First short trainings and single ops, forward and backward, which have
every kernel; then training steps of the presets.
"""

import sys
from importlib import import_module
from typing import Any

import numpy

from tests.gpu.networks import images, model_of
from tests.gpu.sides import Ours, batches_of
from xpcnn import backend, ops
from xpcnn.backend import Backend, kernel_for
from xpcnn.data import Dataset
from xpcnn.layers import Conv2D, Dense, Dropout, Flatten, ReLU
from xpcnn.model import Model
from xpcnn.models import Preset, preset
from xpcnn.optimizers import SGD, Adam

BATCH = 7
HALF = ("digits", "resnet20")  # presets whose steps are made in float16 too
STEPS = 3  # with a graph: the second is captured, the third repeats it
LAYERS = (Conv2D(2, 3), ReLU(), Flatten(), Dropout(0.5), Dense(3))
X = (2, 3, 9, 7)

OPS: dict[str, list[tuple[list[tuple[int, ...] | None], dict[str, Any]]]] = {
    "add_relu": [([X, X], {})],
    "avg_pool2d": [([X], {"size": 2})],
    "batch_norm": [([X, (3,), (3,)], {}), ([(2, 1, 46, 46), (1,), (1,)], {})],  # in parts
    "batch_norm_inference": [([X, (3,), (3,), (3,), (3,)], {})],
    "conv2d": [
        ([(2, 6, 9, 7), (4, 3, 3, 2), (4,)], {"groups": 2, "padding": 1}),
        ([(1, 65, 3, 3), (3, 65, 2, 2), (3,)], {}),  # over patches
    ],
    "dense": [([(5, 20), (20, 3), (3,)], {}), ([(3, 520), (520, 5), None], {})],  # in parts
    "max_pool2d": [([X], {"size": 3, "stride": 2, "padding": 1})],
    "relu": [([X], {})],
    "sigmoid": [([X], {})],
    "tanh": [([X], {})],
}
"""Shapes of the arguments and hyperparameters."""
ROWS, CLASSES = 4100, 3  # of a cross-entropy that one block cannot add up


def launch(opened: Backend, names: list[str]) -> None:
    """Launch all on a backend."""
    trained(opened)
    with opened.session():
        for op, cases in OPS.items():
            for shapes, options in cases:
                for dtype in ("float32", "float16"):
                    called(op, shapes, options, dtype, opened)
        scores, labels = drawn((ROWS, CLASSES)), numpy.arange(ROWS) % CLASSES
        _, back = ops.softmax_cross_entropy(*map(opened.from_host, (scores, labels)))
        back(opened.from_host(numpy.ones((), "float32")))
        if opened.name == "cupy":  # others are a rehearsal
            reordered(opened)
    opened.synchronize()
    jobs = [(name, "float32") for name in names]
    for name, dtype in jobs + [(name, "float16") for name in HALF if name in names]:
        steps(preset(name), dtype, opened)


def reordered(opened: Backend) -> None:
    """Move images between the orders of memory, as for cuDNN."""
    kernel: Any = kernel_for(opened.from_host(drawn(X)), "conv2d")
    orders: Any = import_module("xpcnn.backends.cupy_kernels.orders")
    for dtype in ("float32", "float16"):
        x = opened.from_host(drawn(X).astype(dtype))
        orders.nchw(kernel.args[0], orders.nhwc(kernel.args[0], x))


def steps(found: Preset, dtype: str, opened: Backend) -> None:
    """Make steps of a network, and print what proves that they were made."""
    side = Ours(model_of(found, opened, dtype), batches_of(found, BATCH, 2))
    with side.session():
        for _ in range(STEPS):
            side.step()
    print(found.name, dtype, side.loss_sum())


def trained(opened: Backend) -> None:
    """Train and evaluate a network on pixels that are whole numbers, and that are not."""
    shape, classes = (1, 8, 8), 3
    data = images(shape, classes, 2 * BATCH + 1)
    floats = Dataset.from_arrays(data.images.astype("float32"), data.labels, data.classes)
    for given, dtype in ((data, "float32"), (floats, "float32"), (data, "float16")):
        optimizer = SGD(0.01) if given is floats else Adam()
        model = Model(LAYERS, input_shape=shape, backend=opened, dtype=dtype, seed=0)
        model.fit(given, epochs=2, batch_size=BATCH, optimizer=optimizer, health=False)
        print(dtype, model.evaluate(given)["loss"])


def called(
    op: str, shapes: list[Any], options: dict[str, Any], dtype: str, opened: Backend
) -> None:
    """Run an op forward and backward."""
    is_norm = op.startswith("batch_norm")  # of which all but the images are float32
    given = [
        None if shape is None else drawn(shape).astype("float32" if is_norm and i else dtype)
        for i, shape in enumerate(shapes)
    ]
    y, back = getattr(ops, op)(*(x if x is None else opened.from_host(x) for x in given), **options)
    back(y[0] if isinstance(y, tuple) else y)


def drawn(shape: tuple[int, ...]) -> numpy.ndarray:
    """Return positive numbers, as variances are."""
    return numpy.random.default_rng(0).uniform(0.5, 1.0, shape).astype("float32")


if __name__ == "__main__":
    launch(backend.load(sys.argv[1], sys.argv[2] or None), sys.argv[3:])
