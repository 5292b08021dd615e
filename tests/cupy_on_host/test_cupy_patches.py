"""Convolution over patches on a GPU, its kernels run on the host: exact on small whole numbers."""

from importlib import import_module
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.fake_cupy import cupy_on_host
from xpcnn.backend import kernel_for
from xpcnn.ops.fused import _conv_relu_pool
from xpcnn.ops.reference.conv import conv2d

conv = import_module("xpcnn.backends.cupy_kernels.conv")
patches = import_module("xpcnn.backends.cupy_kernels.patches")

WAYS = ("forward", "dx", "dw")
REFERENCES = {"conv2d": conv2d, "conv_relu_pool": _conv_relu_pool}

GEOMETRIES: list[dict[str, Any]] = [
    {},
    {"padding": 1},
    {"padding": "same"},
    {"stride": 2, "padding": (1, 0)},
    {"dilation": 2, "padding": 2},
    {"stride": (2, 3), "dilation": (1, 2), "padding": (0, 2)},
    {"groups": 2, "padding": 1},
]
HEADS: list[dict[str, Any] | None] = [None, {"pool": None}, {"pool": 2}, {"pool": (3, 2)}]
"""Options of conv_relu_pool; None for conv2d."""


def draw(seed: int, *shape: int) -> numpy.ndarray:
    return numpy.random.default_rng(seed).integers(-3, 4, shape).astype(numpy.float32)


def arrays_of(geometry: dict[str, Any]) -> list[numpy.ndarray]:
    """Return x, w and b."""
    groups = geometry.get("groups", 1)
    return [draw(0, 5, 3 * groups, 9, 8), draw(1, 4, 3, 3, 2), draw(2, 4)]


def kernel_of(name: str) -> Any:
    """Return a kernel of the CuPy backend; skip the test where there is none."""
    kernel = kernel_for(cupy_on_host().from_host(draw(0, 1)), name)
    if kernel is None:
        pytest.skip("--no-kernels: nothing is launched")
    return kernel


@pytest.mark.parametrize("samples_at_a_time", [1, 2, 5])
@pytest.mark.parametrize("head", HEADS, ids=str)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_equal_to_the_reference(
    geometry: dict[str, Any],
    head: dict[str, Any] | None,
    samples_at_a_time: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "conv2d" if head is None else "conv_relu_pool"
    options = geometry | (head or {})
    x, w, b = arrays_of(geometry)
    expected, pull = REFERENCES[name](x, w, b, **options)
    dy = draw(3, *expected.shape)
    gradients = pull(dy)

    each = 4 * 6 * x.shape[1] * numpy.prod(conv2d(x, w, **geometry)[0].shape[2:])
    monkeypatch.setattr(conv, "MOST_PRODUCTS", dict.fromkeys(WAYS, 0))
    monkeypatch.setattr(patches, "MOST_PATCH_BYTES", int(each * samples_at_a_time))
    library = cupy_on_host()
    kernel = kernel_of(name)
    fake_cupy.launches.clear()
    y, pullback = kernel(*map(library.from_host, (x, w, b)), **options)
    parts = -(-5 // samples_at_a_time)
    assert fake_cupy.launches == ["im2col", "finish"] * parts
    numpy.testing.assert_array_equal(library.to_host(y), expected)
    for found, wanted in zip(pullback(library.from_host(dy)), gradients, strict=True):
        numpy.testing.assert_array_equal(library.to_host(found), wanted)
    assert pullback(library.from_host(dy), (False, False, False)) == (None, None, None)


def test_which_convolutions_go_over_patches() -> None:
    library = cupy_on_host()
    kernel = kernel_of("conv2d")

    def launched(channels: int, groups: int = 1, filters: int = 4) -> list[str]:
        x, w = draw(0, 2, channels, 5, 5), draw(1, filters, channels // groups, 3, 3)
        fake_cupy.launches.clear()
        kernel(*map(library.from_host, (x, w)), groups=groups)
        return list(fake_cupy.launches)

    assert launched(28) == ["conv"]
    assert launched(29) == ["im2col", "finish"]
    assert launched(56, groups=2) == ["conv"]
    assert launched(58, groups=2) == ["im2col", "finish"]
    assert launched(116, groups=4) == ["conv"]  # a filter a group: no matrix to multiply
    assert launched(29, filters=1) == ["im2col", "finish"]


@pytest.mark.parametrize("over_patches", [("forward",), ("dx",), ("dw",), ("dx", "dw")])
def test_each_direction_has_a_threshold(
    over_patches: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = {way: 0 if way in over_patches else 256 for way in WAYS}
    monkeypatch.setattr(conv, "MOST_PRODUCTS", most)
    library, kernel = cupy_on_host(), kernel_of("conv_relu_pool")
    x, w, b = draw(0, 5, 4, 9, 8), draw(1, 6, 2, 3, 2), draw(2, 6)
    expected, pull = _conv_relu_pool(x, w, b, groups=2, pool=2)
    dy = draw(3, *expected.shape)
    launched = fake_cupy.launches
    launched.clear()
    y, pullback = kernel(*map(library.from_host, (x, w, b)), groups=2, pool=2)
    assert launched == (["im2col", "finish"] if "forward" in over_patches else ["conv"])
    numpy.testing.assert_array_equal(library.to_host(y), expected)
    launched.clear()
    for found, wanted in zip(pullback(library.from_host(dy)), pull(dy), strict=True):
        numpy.testing.assert_array_equal(library.to_host(found), wanted)
    expected_launches = {
        ("forward",): ["conv_dx", "conv_dw"],
        ("dx",): ["spread", "col2im", "conv_dw"],
        ("dw",): ["conv_dx", "spread", "im2col"],
        ("dx", "dw"): ["spread", "im2col", "col2im"],
    }
    assert launched == expected_launches[over_patches]
    launched.clear()
    _, dw, db = pullback(library.from_host(dy), (False, False, True))
    assert dw is None is not db
    assert launched == (["spread"] if "dw" in over_patches else ["conv_dw"])


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_equal_to_the_reference_with_own_products(
    geometry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, w, b = arrays_of(geometry)
    expected, pull = conv2d(x, w, b, **geometry)
    dy = draw(3, *expected.shape)
    library, kernel = cupy_on_host(), kernel_of("conv2d")
    monkeypatch.setattr(conv, "MOST_PRODUCTS", dict.fromkeys(WAYS, 0))
    monkeypatch.setattr(kernel.args[0], "has_own_products", True)
    fake_cupy.launches.clear()
    y, pullback = kernel(*map(library.from_host, (x, w, b)), **geometry)
    assert fake_cupy.launches == ["im2col", *["product"] * geometry.get("groups", 1), "finish"]
    numpy.testing.assert_array_equal(library.to_host(y), expected)
    for found, wanted in zip(pullback(library.from_host(dy)), pull(dy), strict=True):
        numpy.testing.assert_array_equal(library.to_host(found), wanted)
