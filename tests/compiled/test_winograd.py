"""Winograd's algorithm for 3 x 3 filters in C: within derived bounds, for any size and batch."""

from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.compare import assert_within
from tests.compiled.support import PACKAGE, compiled, cut, guarded, require_compiler
from tests.conformance.case_results import numpy_kernels
from tests.lib import Host
from tests.rounding import UNIT, Rounded
from tests.rounding.winograd import (
    error_of_convolution,
    error_of_filter_gradient,
    error_of_image_gradient,
    spread_of_convolution,
    spread_of_filter_gradient,
)
from xpcnn import backend, ops

winograd: Any = import_module(f"{PACKAGE}.winograd")
conv: Any = import_module("xpcnn.backends.numpy_kernels.conv")

Sides = tuple[tuple[int, int], tuple[int, int]]
# n, c, f, h, w, padding: around 8 and 16 images, channels, filters, and halves of vectors; tiles
# that are cut; padding that leaves tiles without a pixel, or that dx would have to be cut by
SHAPES: list[tuple[int, int, int, int, int, Sides]] = [
    (1, 16, 16, 4, 4, ((1, 1), (1, 1))),
    (3, 17, 16, 9, 6, ((0, 0), (0, 0))),
    (7, 16, 31, 5, 7, ((0, 3), (2, 1))),
    (8, 18, 33, 8, 7, ((2, 2), (2, 2))),
    (12, 16, 17, 6, 5, ((1, 1), (0, 1))),
    (16, 33, 18, 6, 8, ((1, 1), (1, 1))),
    (17, 16, 24, 7, 3, ((1, 0), (5, 4))),
    (40, 24, 17, 4, 8, ((1, 1), (1, 1))),
    (65, 16, 16, 3, 4, ((1, 1), (1, 1))),
]


@pytest.fixture(autouse=True)
def _on(monkeypatch: pytest.MonkeyPatch) -> None:
    require_compiler()
    monkeypatch.delenv("XPCNN_WINOGRAD", raising=False)
    monkeypatch.setattr(winograd, "pays", lambda *_: True)  # also for a few images


def used(shape: tuple[int, ...], sides: Sides, out: tuple[int, int]) -> bool:
    n, c, f, h, w = shape
    x, filters = numpy.empty((n, c, h, w), "float32"), numpy.empty((f, c, 3, 3), "float32")
    answer: bool = winograd.serves(filters, conv.patches_of(x, filters, 1, sides, 1), out)
    return answer


def drawn(rng: Any, *shape: int) -> Host:
    numbers: Host = rng.standard_normal(shape).astype("float32")
    return numbers


def in_float64(op: str, arrays: list[Host], dy: Host, **options: Any) -> list[Host]:
    """Return y and the gradients of the references."""
    with numpy_kernels(present=False):
        y, pullback = getattr(ops, op)(*(a.astype("float64") for a in arrays), **options)
        return [y, *pullback(dy.astype("float64"))]


def test_an_image_by_hand() -> None:
    """Each filter adds a pixel's neighbours above and below; there are as many images as rows."""
    x = numpy.zeros((4, 16, 4, 4), "float32")
    for image in range(4):
        x[image, 3, image] = [1, 20, 300, 4000]
    w = numpy.zeros((16, 16, 3, 3), "float32")
    w[5, 3, :, 1] = [1, 0, 1]
    assert used((4, 16, 16, 4, 4), ((1, 1), (1, 1)), (4, 4))
    y, pullback = compiled.KERNELS["conv2d"](x, w, None, padding=1)
    rows = [[1, 20, 300, 4000] if abs(i - 1) == 1 else [0] * 4 for i in range(4)]
    numpy.testing.assert_allclose(y[1, 5], rows, atol=4000 * 40 * UNIT)
    dy = numpy.zeros_like(y)
    dy[1, 5, 0, 2] = 1  # of the pixel below it, which is 300
    dx, dw, _ = pullback(dy)
    numpy.testing.assert_allclose(
        dx[1, 3], [[0] * 4, [0, 0, 1, 0], [0] * 4, [0] * 4], atol=40 * UNIT
    )
    numpy.testing.assert_allclose(
        dw[5, 3], [[0, 0, 0], [0, 0, 0], [20, 300, 4000]], atol=4000 * 40 * UNIT
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_convolution_and_gradients(shape: Any) -> None:
    *sizes, sides = shape
    n, c, f, h, w = sizes
    rng = numpy.random.default_rng(sum(sizes))
    arrays = [drawn(rng, n, c, h, w), drawn(rng, f, c, 3, 3), drawn(rng, f)]
    before = (sides[0][0], sides[1][0])
    with guarded(), cut(3, 2):
        y, pullback = compiled.KERNELS["conv2d"](*arrays, padding=sides)
        dy = drawn(rng, *y.shape)
        dx, dw, db = pullback(dy)
    out = (y.shape[2], y.shape[3])
    assert used(tuple(sizes), sides, out)
    wide = in_float64("conv2d", arrays, dy, padding=sides)
    x, filters = arrays[:2]
    assert_within(y, Rounded(wide[0], error_of_convolution(x, filters, out, before)), "y")
    if used(tuple(sizes), sides, (h, w)):
        bound = error_of_image_gradient(dy, filters, (h, w), before)
        assert_within(dx, Rounded(wide[1], bound), "dx")
    assert_within(dw, Rounded(wide[2], error_of_filter_gradient(x, dy, before)), "dw")
    numpy.testing.assert_allclose(db, wide[3], atol=40 * UNIT * float(abs(dy).sum((0, 2, 3)).max()))


@pytest.mark.parametrize("shape", SHAPES[1:7], ids=str)
def test_with_relu_and_pooling(shape: Any) -> None:
    """What is pooled is the convolution as computed; in near ties its rounding decides who wins."""
    *sizes, sides = shape
    n, c, f, h, w = sizes
    rng = numpy.random.default_rng(sum(sizes))
    x, filters, b = drawn(rng, n, c, h, w), drawn(rng, f, c, 3, 3), drawn(rng, f)
    plain = compiled.KERNELS["conv2d"](x, filters, b, padding=sides)[0].transpose(1, 2, 3, 0)
    bound = error_of_convolution(x, filters, plain.shape[1:3], (sides[0][0], sides[1][0])).max()
    ph, pw = plain.shape[1] // 2, plain.shape[2] // 2
    windows = plain[:, : 2 * ph, : 2 * pw].reshape(f, ph, 2, pw, 2, n).transpose(0, 1, 3, 5, 2, 4)
    windows = windows.reshape(f, ph, pw, n, 4)
    y, winner = numpy.empty((f, ph, pw, n), "float32"), numpy.empty((f, ph, pw, n), "uint8")
    image = numpy.ascontiguousarray(x.transpose(1, 2, 3, 0))
    patches = conv.patches_of(x, filters, 1, sides, 1)
    with guarded(), cut(3, 2):
        winograd.convolved(image, filters, b, patches, y, pooled=True, winner=winner)
        again, _ = compiled.KERNELS["conv_relu_pool"](x, filters, b, padding=sides, pool=2)
        rectified, _ = compiled.KERNELS["conv_relu_pool"](x, filters, b, padding=sides)
    assert again.transpose(1, 2, 3, 0).tobytes() == y.tobytes()
    numpy.testing.assert_allclose(y, numpy.maximum(windows.max(-1), 0), rtol=0, atol=2 * bound)
    assert numpy.array_equal(winner == 255, y == 0)
    of_best = numpy.where(y == 0, 0, winner)[..., None].astype(int)
    won = numpy.take_along_axis(windows, of_best, -1)[..., 0]
    numpy.testing.assert_allclose(won[y != 0], windows.max(-1)[y != 0], rtol=0, atol=2 * bound)
    numpy.testing.assert_allclose(
        rectified.transpose(1, 2, 3, 0), numpy.maximum(plain, 0), rtol=0, atol=2 * bound
    )


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf])
def test_what_is_not_finite_stays_in_its_tile(value: float) -> None:
    """All outputs of a tile that sees it are NaN; the other tiles are as they would be without."""
    rng = numpy.random.default_rng(0)
    x, w = drawn(rng, 5, 16, 12, 12), drawn(rng, 16, 16, 3, 3)
    expected, _ = compiled.KERNELS["conv2d"](x, w, None, padding=1)
    x[2, 7, 5, 5] = value  # an inner pixel of the tile in the middle, which no other tile sees
    for op, options in (("conv2d", {}), ("conv_relu_pool", {}), ("conv_relu_pool", {"pool": 2})):
        y, _ = compiled.KERNELS[op](x, w, None, padding=1, **options)
        middle = y[2, :, y.shape[2] // 3 : -(y.shape[2] // 3), y.shape[3] // 3 : -(y.shape[3] // 3)]
        assert numpy.isnan(middle).all()
        assert numpy.isnan(y).sum() == middle.size
    y, _ = compiled.KERNELS["conv2d"](x, w, None, padding=1)
    assert numpy.array_equal(y[~numpy.isnan(y)], expected[~numpy.isnan(y)])


def test_the_same_bits_for_any_number_of_pieces() -> None:
    """But for dw, a sum over the pieces: of the same number in every run."""
    rng = numpy.random.default_rng(0)
    arrays = [drawn(rng, 19, 17, 9, 8), drawn(rng, 18, 17, 3, 3), drawn(rng, 18)]

    def bits(pieces: int, threads: int) -> list[bytes]:
        with cut(pieces, threads):
            y, pullback = compiled.KERNELS["conv2d"](*arrays, padding=1)
            return [a.tobytes() for a in (y, *pullback(numpy.cos(y)))]

    alone = bits(1, 1)
    for pieces, threads in ((2, 2), (5, 3), (40, 2)):
        shared = bits(pieces, threads)
        assert shared[:2] == alone[:2]
        assert bits(pieces, threads) == shared


def test_what_is_left_to_the_direct_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    same: Sides = ((1, 1), (1, 1))
    assert used((4, 16, 16, 8, 8), same, (8, 8))
    assert not used((4, 15, 16, 8, 8), same, (8, 8))
    assert not used((4, 16, 15, 8, 8), same, (8, 8))
    assert not used((4, 16, 16, 5, 5), same, (5, 5))  # more than half of the tiles' outputs
    x, w = numpy.empty((2, 16, 9, 9)), numpy.empty((16, 16, 3, 3))
    for stride, dilation in ((2, 1), ((1, 2), 1), (1, 2)):
        patches = conv.patches_of(x, w, stride, 1, dilation)
        assert not winograd.serves(w, patches, patches.out)
    wide = numpy.empty((16, 16, 3, 5))
    assert not winograd.serves(wide, conv.patches_of(x, wide, 1, 1, 1), (9, 9))
    monkeypatch.setenv("XPCNN_WINOGRAD", "off")
    assert not used((4, 16, 16, 8, 8), same, (8, 8))


def test_few_images_with_few_tiles_or_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("XPCNN_WINOGRAD", raising=False)
    rng, calls = numpy.random.default_rng(0), []
    monkeypatch.setattr(winograd, "convolved", lambda image, *_, **__: calls.append(image.shape))
    for n, c, side in ((1, 32, 24), (1, 32, 20), (1, 24, 24), (7, 32, 8), (8, 16, 8)):
        x, w = drawn(rng, n, c, side, side), drawn(rng, c, c, 3, 3)
        compiled.KERNELS["conv2d"](x, w, None, padding=1)
    assert calls == [(32, 24, 24, 1), (16, 8, 8, 8)]


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    describe = backend.load("numpy").describe
    assert describe()["winograd"] == "on"
    monkeypatch.setenv("XPCNN_WINOGRAD", "off")
    assert describe()["winograd"] == "off"
    monkeypatch.setenv("XPCNN_WINOGRAD", "of")
    assert backend.problem("numpy") == (
        "XPCNN_WINOGRAD is 'of', expected 'on' or 'off'",
        "XPCNN_WINOGRAD=off, or unset it for Winograd's algorithm",
    )


def test_errors_together() -> None:
    """Their mean square is within the bound of its variance, that of a planted error is not."""
    rng = numpy.random.default_rng(0)
    x, w = drawn(rng, 16, 32, 12, 12), drawn(rng, 24, 32, 3, 3)
    y, pullback = compiled.KERNELS["conv2d"](x, w, None, padding=1)
    dy = drawn(rng, *y.shape)
    wide = in_float64("conv2d", [x, w], dy, padding=1)
    turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    bounds = (
        spread_of_convolution(x.astype("float64"), w.astype("float64"), (1, 1)),
        spread_of_convolution(dy.astype("float64"), turned.astype("float64"), (1, 1)),
        spread_of_filter_gradient(x.astype("float64"), dy.astype("float64"), (1, 1)),
    )
    for got, exact, bound in zip([y, *pullback(dy)[:2]], wide, bounds, strict=False):
        assert root_mean_square(got - exact) <= bound
        assert root_mean_square(got * (1 + 1e-5) - exact) > bound


def root_mean_square(x: Host) -> float:
    return float((x**2).mean() ** 0.5)


def test_errors_beside_the_direct_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root mean squares on these numbers: measured, so that a loss of digits within the derived
    bounds is seen. `python -m tests.winograd` prints more shapes."""
    rng = numpy.random.default_rng(0)
    arrays = [drawn(rng, 32, 32, 12, 12), drawn(rng, 32, 32, 3, 3)]
    errors = {}
    for switch in ("on", "off"):
        monkeypatch.setenv("XPCNN_WINOGRAD", switch)
        y, pullback = compiled.KERNELS["conv2d"](*arrays, None, padding=1)
        dy = drawn(numpy.random.default_rng(1), *y.shape)
        wide = in_float64("conv2d", arrays, dy, padding=1)
        got = [y, *pullback(dy)[:2]]
        errors[switch] = [root_mean_square(a - b) for a, b in zip(got, wide, strict=False)]
    for own, direct, factor in zip(errors["on"], errors["off"], (2.75, 2.75, 4.0), strict=True):
        assert direct < own <= factor * direct
