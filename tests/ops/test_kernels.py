"""Fast kernels against the references: the same signature, the same numbers at real sizes.

The tests of the ops run on small arrays; kernels that cut their work into pieces need larger ones.
"""

import importlib
import inspect
from contextlib import nullcontext
from functools import cache
from typing import Any

import numpy
import pytest

from tests.compare import assert_rounded, assert_same
from tests.conformance.case_results import numpy_kernels
from tests.lib import Host, Lib, plain_kernels, strided
from tests.rounding import exact
from xpcnn import backend, ops

RNG = numpy.random.default_rng(0)


def values(*shape: int) -> Host:
    """Draw numbers of which many are equal."""
    return RNG.integers(-8, 9, shape) / 8


IMAGES = values(16, 6, 33, 30)

ACTIVATIONS = (
    *("relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "silu", "gelu", "softplus", "mish"),
    *("softsign", "hard_sigmoid", "hard_swish", "hard_tanh", "relu6"),
)

CASES: list[tuple[str, list[Host | None], dict[str, Any]]] = [
    ("conv2d", [IMAGES, values(8, 6, 3, 3), values(8)], {"padding": 1}),
    ("conv2d", [IMAGES, values(8, 6, 5, 4), values(8)], {"stride": 2}),
    ("conv2d", [IMAGES, values(4, 6, 3, 3), values(4)], {"padding": "same", "dilation": 2}),
    ("conv2d", [IMAGES, values(6, 3, 3, 3), values(6)], {"groups": 2}),
    ("conv2d", [values(64, 1, 12, 12), values(8, 1, 12, 12), values(8)], {}),
    ("conv2d", [IMAGES, values(8, 6, 3, 3), None], {"padding": ((1, 0), (2, 1))}),
    ("conv2d", [values(64, 16, 12, 12), values(8, 16, 3, 3), values(8)], {"padding": 1}),
    ("conv2d", [IMAGES, values(3, 6, 5, 7), values(3)], {}),
    ("conv2d", [IMAGES, values(3, 6, 5, 5), values(3)], {"padding": ((2, 1), (4, 2))}),
    ("conv2d", [values(64, 3, 8, 8), values(4, 3, 3, 3), None], {"padding": 9}),
    ("conv_relu_pool", [IMAGES, values(8, 6, 3, 3), values(8)], {"padding": 1}),
    ("conv_relu_pool", [IMAGES, values(3, 6, 5, 7), values(3)], {"pool": 2}),
    ("conv_relu_pool", [IMAGES, values(8, 6, 3, 3), values(8)], {"padding": 1, "pool": 2}),
    ("conv_relu_pool", [IMAGES, values(8, 6, 5, 4), None], {"stride": 2, "pool": (3, 2)}),
    ("conv_relu_pool", [values(64, 16, 13, 12), values(8, 16, 3, 3), None], {"pool": 2}),
    ("max_pool2d", [IMAGES], {"size": 2}),
    ("max_pool2d", [IMAGES], {"size": 3, "stride": 2, "padding": 1}),
    ("avg_pool2d", [IMAGES], {"size": 2}),
    ("avg_pool2d", [IMAGES], {"size": 3, "stride": 2, "padding": 1}),
    ("global_avg_pool2d", [IMAGES], {}),
    ("global_max_pool2d", [IMAGES], {}),
    ("batch_norm_inference", [IMAGES, *(values(4, 6) + 2)], {}),
    ("dropout", [IMAGES, values(*IMAGES.shape)], {"rate": 0.25}),
    ("dense", [values(64, 300), values(300, 70), values(70)], {}),
    ("softmax_cross_entropy", [values(300, 40), RNG.integers(0, 40, 300)], {}),
]
FEW = {"gelu"}  # whose reference is a long sum
CASES += [(name, [IMAGES[:3] if name in FEW else IMAGES], {}) for name in ACTIVATIONS]
CASES += [("gelu", [IMAGES], {"approximate": "tanh"})]


KERNELS = [
    *(("numpy", "float64"), ("numpy", "float32"), ("cupy", "float64"), ("cupy", "float32")),
    ("numpy-plain", "float32"),  # in float64, NumPy has no others than these
]
with_kernels = pytest.mark.parametrize(("lib", "dtype"), KERNELS, indirect=["lib"])


@cache
def dy_of(case: int) -> Host:
    """Return a dy in float32."""
    op, arrays, options = CASES[case]
    y, _ = getattr(ops, op)(*arrays, **options)
    return numpy.asarray(numpy.random.default_rng(1).uniform(-1, 1, y.shape), "float32")


@cache
def expected(case: int, dtype: str) -> tuple[Any, tuple[Any, ...]]:
    """Return the reference's y and gradients in float64, for float32 with bounds."""
    op, arrays, options = CASES[case]
    place = exact if dtype == "float32" else numpy.asarray
    dy = place(dy_of(case).astype(dtype))
    with numpy_kernels(present=False):
        y, pullback = getattr(ops, op)(*(a if a is None else place(a) for a in arrays), **options)
        return y, pullback(dy)


@with_kernels
@pytest.mark.parametrize("in_session", [False, True], ids=["", "threads"])
@pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{op} {o}" for op, _, o in CASES])
def test_the_numbers_of_the_references(
    lib: Lib, case: int, dtype: str, in_session: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = importlib.import_module("xpcnn.backends.numpy_kernels.threads")
    monkeypatch.setattr(threads, "SMALL", 1)  # these are pieces too
    monkeypatch.setenv("XPCNN_NUM_THREADS", "3")
    op, arrays, options = CASES[case]
    wanted, wanted_gradients = expected(case, dtype)
    compare = assert_rounded if dtype == "float32" else assert_scaled
    with lib.backend.session() if in_session else nullcontext():
        for place in (lib, strided(lib)):
            moved = [
                None if a is None else place.asarray(a, dtype if a.dtype == "float64" else None)
                for a in arrays
            ]
            y, pullback = getattr(ops, op)(*moved, **options)
            gradients = pullback(place.asarray(dy_of(case), dtype))
            compare(y, wanted, lib, "y")
            assert [g is None for g in gradients] == [w is None for w in wanted_gradients]
            for i, (got, want) in enumerate(zip(gradients, wanted_gradients, strict=True)):
                if want is not None:
                    compare(got, want, lib, f"gradient {i}")


def assert_scaled(actual: Any, expected: Host, lib: Lib, what: str) -> None:
    """Compare relative to the largest number: sums of thousands lose digits where they cancel."""
    scale = float(numpy.max(numpy.abs(expected)))
    assert_same(actual / scale, expected / scale, lib, what)


@pytest.mark.parametrize("lib", ["numpy", "cupy", "cupy-on-host"], indirect=True)
def test_the_signatures_of_the_references(lib: Lib) -> None:
    for name, kernel in backend._kernels.get(lib.backend.array_type, {}).items():
        if name not in ops.__all__:
            continue  # the update of an optimizer
        expected, got = inspect.signature(getattr(ops, name)), inspect.signature(kernel)
        assert list(got.parameters) == list(expected.parameters), name
        for parameter, other in zip(
            got.parameters.values(), expected.parameters.values(), strict=True
        ):
            assert (parameter.kind, parameter.default) == (other.kind, other.default), name


def test_the_plain_kernels_are_all_but_those_in_c() -> None:
    numpy_kernels = importlib.import_module("xpcnn.backends.numpy_kernels")
    plain = plain_kernels()
    assert set(numpy_kernels.KERNELS) - set(plain) <= set(numpy_kernels.compiled.KERNELS)
    files = {kernel.__code__.co_filename for kernel in plain.values()}
    assert not [file for file in files if "compiled" in file]
    files = {kernel.__code__.co_filename for kernel in numpy_kernels.KERNELS.values()}
    assert [file for file in files if "compiled" in file]
