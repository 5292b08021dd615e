"""What the CUDA kernels serve, in how many launches and without a wait, and what they leave."""

from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.compare import assert_same
from tests.cuda_on_host import arrays
from tests.gpu.sides import Ours
from tests.lib import Host, Lib
from tests.ops.exact import assert_all_within, draw, launches_are_seen, reference, rounded, run
from xpcnn import backend, ops
from xpcnn.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Sequential,
    Tanh,
)
from xpcnn.model import Model

HOST = pytest.mark.parametrize("lib", ["cupy-on-host"], indirect=True)


@pytest.fixture(autouse=True)
def _with_kernels(lib: Lib) -> None:
    if not launches_are_seen(lib):
        pytest.skip("--no-kernels: nothing is launched")


X, LABELS = draw(2, 3, 6, 6), numpy.asarray([0, 1])

SERVED: list[tuple[str, list[Host | None], dict[str, Any], int]] = [
    ("max_pool2d", [X], {"size": 2}, 2),
    ("avg_pool2d", [X], {"size": 2}, 2),
    ("batch_norm", [X, None, None], {}, 2),
    ("batch_norm", [draw(2, 3, 46, 46), None, None], {}, 4),  # channels of two parts
    ("batch_norm_relu", [X, draw(3), draw(3)], {"pool": 2}, 2),
    ("batch_norm_add_relu", [X, None, None, X], {}, 2),
    ("batch_norm_inference", [X, None, None, draw(3), numpy.ones(3, "float32")], {}, 2),
    ("relu", [X], {}, 2),
    ("add_relu", [X, X[::-1]], {}, 2),
    ("sigmoid", [X], {}, 2),
    ("tanh", [X], {}, 2),
    ("dropout", [X, numpy.abs(X)], {"rate": 0.5}, 2),
    ("softmax_cross_entropy", [draw(2, 3), LABELS], {}, 2),
    ("softmax_cross_entropy", [draw(2, 33), LABELS], {}, 3),
    ("dense", [draw(2, 3), draw(3, 4), draw(4)], {}, 3),
    ("dense", [draw(2, 257), draw(257, 4), draw(4)], {}, 2),  # and CuPy's product
    ("dense", [draw(300, 300), draw(300, 300), None], {}, 0),
    ("dense", [draw(2**20, 1), draw(1, 1), None], {}, 0),  # more rows than a grid has
    ("softmax_cross_entropy", [draw(4097, 2), numpy.zeros(4097, "int64")], {}, 3),
    ("conv2d", [X, draw(4, 3, 3, 3), draw(4)], {}, 3),
    ("conv2d", [draw(1, 65, 3, 3), draw(1, 65, 2, 2), draw(1)], {}, 5),  # over patches
    ("conv2d", [draw(1, 130, 2, 2), draw(4, 65, 2, 2), None], {"groups": 2}, 5),
    ("conv2d", [draw(1, 130, 2, 2), draw(2, 65, 2, 2), None], {"groups": 2}, 3),
    ("conv_relu_pool", [X, draw(4, 3, 3, 3), draw(4)], {"pool": 2}, 3),
]
LEFT: list[tuple[str, list[Host | None], dict[str, Any]]] = [
    ("max_pool2d", [X.astype("float64")], {"size": 2}),
    ("max_pool2d", [draw(1, 1, 17, 17)], {"size": 17}),
    ("relu", [X[:0]], {}),
    ("batch_norm", [a.astype("float64") for a in (X, draw(3), draw(3))], {}),
    ("relu", [X.astype("float64")], {}),
    ("softmax_cross_entropy", [draw(2, 3), numpy.abs(draw(2, 3))], {}),
    ("softmax_cross_entropy", [draw(2, 3), LABELS, numpy.ones(3, "float32")], {}),
]


@HOST
@pytest.mark.parametrize(("op", "given", "options", "launches"), SERVED)
def test_what_is_served_never_waits(
    lib: Lib, op: str, given: list[Host | None], options: dict[str, Any], launches: int
) -> None:
    """So many launches forward and backward; none where no gradient is wanted."""
    fake_cupy.launches.clear()
    arrays.waits.clear()
    run(lib.asarray, op, given, options)
    assert (len(fake_cupy.launches), arrays.waits) == (launches, [])
    y, pullback = getattr(ops, op)(*(a if a is None else lib.asarray(a) for a in given), **options)
    first = y[0] if isinstance(y, tuple) else y
    count = len(pullback(first))
    fake_cupy.launches.clear()
    assert set(pullback(first, [False] * count)) == {None}
    assert fake_cupy.launches == []


@HOST
@pytest.mark.parametrize(("op", "given", "options"), LEFT)
def test_what_is_left_to_the_references(
    lib: Lib, op: str, given: list[Host | None], options: dict[str, Any]
) -> None:
    fake_cupy.launches.clear()
    got = run(lib.asarray, op, given, options)
    if given[0] is not None and given[0].dtype == "float32":
        assert_all_within(lib, got, rounded(op, given, options))
    else:
        for g, e in zip(got, reference(op, given, options, "float64"), strict=True):
            assert_same(g, e, lib)
    assert fake_cupy.launches == []


@HOST
def test_the_gradient_of_a_dense_layer_is_in_order(lib: Lib) -> None:
    dx = run(lib.asarray, "dense", [draw(5, 3), draw(3, 4), None], {})[1]
    assert dx.flags.c_contiguous


@HOST
def test_every_kernel_is_served(lib: Lib) -> None:
    kernels = backend._kernels[lib.backend.array_type]
    assert set(kernels) == {op for op, *_ in SERVED} | {
        "normalise",
        "count_equal",
        "tally",
        "converted",
        "kept_if",
        "next_scale",
        "unscaled",
        "sgd",
        "adam",
    }


@HOST
def test_a_network_trains_as_on_numpy_and_never_waits(lib: Lib) -> None:
    """Convolution, batch normalisation, ReLU, pooling, dropout and the loss, all together."""
    rows: list[Layer] = [Conv2D(4, 3), BatchNorm(), ReLU(), MaxPool2D(2), Dropout(0.25), Tanh()]
    network = Sequential(
        [*rows, Conv2D(5, 2, padding=1), ReLU(), MaxPool2D(2), Flatten(), Dense(3)]
    )
    batches = [(draw(6, 2, 9, 8), numpy.arange(6) % 3) for _ in range(2)]
    sums = []
    for library in (lib.backend, backend.load("numpy")):
        model = Model(network, input_shape=(2, 9, 8), backend=library, seed=1)
        side = Ours(model, batches)
        fake_cupy.launches.clear()
        arrays.waits.clear()
        for _ in range(5):
            side.step()
        if library is lib.backend:
            assert set(fake_cupy.launches) == {
                *("conv", "conv_dx", "conv_dw", "dropout"),
                *("batch_norm", "batch_norm_backward", "tanh_forward", "tanh_backward"),
                *("philox_uniform", "small_product", "cross_entropy", "cross_entropy_backward"),
                *("count_equal", "tally", "sgd"),
            }
        assert arrays.waits == []
        sums.append(side.loss_sum())
    numpy.testing.assert_allclose(sums[0], sums[1], rtol=1e-6)
