"""What each augmentation does to a sample: cases by hand, then loops over pixels."""

import math
from typing import Any

import numpy
import pytest

from tests.compare import assert_near, assert_same, assert_within
from tests.cuda_on_host import arrays
from tests.fake_cupy import cupy_on_host
from tests.lib import Lib, strided
from tests.rounding import exact
from tests.test_memory_order import is_batch_last
from xpcnn import random
from xpcnn.data import augment
from xpcnn.data.augment import (
    Affine,
    Brightness,
    Contrast,
    Crop,
    CutMix,
    Cutout,
    Flip,
    Mixup,
    Noise,
    Rotate,
    Saturation,
    Scale,
    Shift,
)
from xpcnn.data.augment.base import PerSample
from xpcnn.data.augment.pipeline import Augmenter
from xpcnn.types import Array

IMAGE = [[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]

ONE_SAMPLE: list[tuple[PerSample, list[float], Any]] = [
    # an augmentation, the uniforms of a sample, what becomes of the image
    (Flip(0.5), [0.0, 0.0], [[3, 2, 1], [6, 5, 4], [9, 8, 7]]),
    (Flip(0.5), [0.5, 0.0], IMAGE),
    (Flip(0.0, vertical=0.5), [0.0, 0.4], [[7, 8, 9], [4, 5, 6], [1, 2, 3]]),
    (Flip(0.5, vertical=0.5), [0.4, 0.4], [[9, 8, 7], [6, 5, 4], [3, 2, 1]]),
    (Crop(2), [0.0, 0.0], [[0, 0, 0], [0, 0, 0], [0, 0, 1]]),
    (Crop(2), [0.5, 0.9], [[3, 0, 0], [6, 0, 0], [9, 0, 0]]),
    (Crop(2), [0.6, 0.3], [[0, 4, 5], [0, 7, 8], [0, 0, 0]]),
    (Crop(2), [0.5, 0.5], IMAGE),
    (Shift(2), [0.75, 0.5], [[0, 0, 0], [1, 2, 3], [4, 5, 6]]),
    (Shift(2), [0.5, 0.25], [[2, 3, 0], [5, 6, 0], [8, 9, 0]]),
    (Shift(2), [0.5, 0.625], [[0.5, 1.5, 2.5], [2, 4.5, 5.5], [3.5, 7.5, 8.5]]),
    (Rotate(180), [0.75], [[3, 6, 9], [2, 5, 8], [1, 4, 7]]),
    (Rotate(180), [0.25], [[7, 4, 1], [8, 5, 2], [9, 6, 3]]),
    (Rotate(180), [0.0], [[9, 8, 7], [6, 5, 4], [3, 2, 1]]),
    (Rotate(10), [0.5], IMAGE),
    (Scale(0.5), [0.0], [[0, 0, 0], [0, 5, 0], [0, 0, 0]]),
    (Affine(0, 0, 60, 0), [0.5, 0.5, 0.875, 0.5, 0.5], [[2, 3, 0], [4, 5, 6], [0, 7, 8]]),
    (Affine(180, 0, 0, 2), [0.75, 0.5, 0.5, 0.75, 0.5], [[0, 0, 0], [3, 6, 9], [2, 5, 8]]),
    (Affine(180, 0, 60, 0), [0.75, 0.5, 0.875, 0.5, 0.5], [[0, 6, 8], [3, 5, 7], [2, 4, 0]]),
    (Cutout(2), [0.5, 0.5], [[0, 0, 3], [0, 0, 6], [7, 8, 9]]),
    (Cutout(2), [0.0, 0.9], [[1, 0, 0], [4, 5, 6], [7, 8, 9]]),
    (Cutout(1), [0.0, 0.5], [[1, 0, 3], [4, 5, 6], [7, 8, 9]]),
    (Brightness(2), [0.75], [[2, 3, 4], [5, 6, 7], [8, 9, 10]]),
    (Contrast(0.5), [0.0], [[3, 3.5, 4], [4.5, 5, 5.5], [6, 6.5, 7]]),
    (Contrast(0.5), [0.5], IMAGE),
    (Saturation(0.5), [0.0], IMAGE),
]


@pytest.mark.parametrize(("item", "u", "expected"), ONE_SAMPLE)
def test_one_sample(lib: Lib, dtype: str, item: PerSample, u: Any, expected: Any) -> None:
    x = lib.asarray([[IMAGE]], dtype)
    p = item.parameters(numpy.array([u]), (1, 3, 3))
    y = item.apply(x, lib.asarray(p, dtype))
    assert_same(y, numpy.array([[expected]], dtype), lib)


def test_saturation_is_about_the_mean_of_the_channels(lib: Lib, dtype: str) -> None:
    x = numpy.array([1.0, 2, 6], dtype).reshape(1, 3, 1, 1)
    item = Saturation(0.5)
    p = item.parameters(numpy.zeros((1, 1)), (3, 1, 1))
    y = item.apply(lib.asarray(x), lib.asarray(p, dtype))
    assert_same(y, numpy.array([2, 2.5, 4.5], dtype).reshape(1, 3, 1, 1), lib)


def test_noise_is_that_of_the_package(lib: Lib, dtype: str) -> None:
    x = numpy.linspace(-1, 1, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype("float32")
    u = lib.backend.uniform(7, 3, (2, 3, 4, 5, 2))
    y = Noise(0.5).apply(lib.asarray(x, dtype), u)
    rounded = Noise(0.5).apply(exact(x), exact(lib.to_host(u)))
    assert_near(y, rounded.value, rounded, lib)
    z = random.normal(7, 3, (2, 3, 4, 5))
    assert_within(x + numpy.float32(0.5) * z, rounded)


def test_mixup_mixes_each_with_the_one_before(lib: Lib, dtype: str) -> None:
    x = numpy.array([10.0, 20, 40], dtype).reshape(3, 1, 1, 1)
    p = lib.asarray([[1.0], [0.75], [0.5]], dtype)
    y = Mixup().apply(lib.asarray(x), p)
    assert_same(y, numpy.array([10.0, 17.5, 30], dtype).reshape(3, 1, 1, 1), lib)
    labels = lib.asarray([[1.0, 0], [0, 1], [1, 0]], dtype)
    assert_same(Mixup().mix(labels, p), numpy.array([[1, 0], [0.25, 0.75], [0.5, 0.5]], dtype), lib)


def test_cutmix_fills_a_box_and_mixes_labels_by_its_area(lib: Lib, dtype: str) -> None:
    x = numpy.stack([numpy.full((1, 4, 4), k, dtype) for k in (5, 6, 7)])
    p = lib.asarray([[0, 0, 0, 0, 1], [1, 3, 2, 4, 12 / 16], [0, 4, 0, 2, 8 / 16]], dtype)
    filled = [
        [[5, 5, 5, 5], [5, 5, 5, 5], [5, 5, 5, 5], [5, 5, 5, 5]],
        [[6, 6, 6, 6], [6, 6, 5, 5], [6, 6, 5, 5], [6, 6, 6, 6]],
        [[6, 6, 7, 7], [6, 6, 7, 7], [6, 6, 7, 7], [6, 6, 7, 7]],
    ]
    y = CutMix().apply(lib.asarray(x), p)
    assert_same(y, numpy.array(filled, dtype).reshape(3, 1, 4, 4), lib)
    labels = numpy.array([[1, 0, 0], [1 / 4, 3 / 4, 0], [0, 1 / 2, 1 / 2]], dtype)
    assert_same(CutMix().mix(lib.asarray(numpy.eye(3), dtype), p), labels, lib)


def test_cutmix_draws_a_box_of_the_area_and_cuts_it_off_at_the_edge() -> None:
    u = [0.25, 0.0]  # v = 3/4, c = 1, so λ = 3/4: half of each side
    p = CutMix().parameters(numpy.array([[*u, 0.5, 0.5], [*u, 0.0, 0.99]]), (3, 8, 10))
    expected = [[2, 6, 3, 8, 1 - 20 / 80], [0, 2, 7, 10, 1 - 6 / 80]]
    numpy.testing.assert_allclose(p, expected, rtol=1e-12)


def sampled(x: numpy.ndarray, row: float, column: float) -> float:
    """Return one channel at a place between its pixels, 0 outside."""
    h, w = x.shape
    i, j = math.floor(row), math.floor(column)
    total = 0.0
    for di, dj in ((0, 0), (0, 1), (1, 0), (1, 1)):
        if 0 <= i + di < h and 0 <= j + dj < w:
            weight = (1 - abs(row - i - di)) * (1 - abs(column - j - dj))
            total += weight * x[i + di, j + dj]
    return total


def test_an_affine_map_carries_points_as_said(lib: Lib) -> None:
    """Pixel by pixel: the place that s R K carries to it, by a solver."""
    rng = numpy.random.default_rng(0)
    x, u = rng.standard_normal((3, 2, 4, 6)), rng.random((3, 5))
    degrees, scale, shear, rows, columns = (
        a * (2 * u[:, k] - 1) for k, a in enumerate((40, 0.3, 20, 1.5, 1.5))
    )
    expected = numpy.zeros_like(x)
    for n, c, i, j in numpy.ndindex(x.shape):
        a, t = math.radians(degrees[n]), math.tan(math.radians(shear[n]))
        turn = numpy.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
        forward = (1 + scale[n]) * turn @ numpy.array([[1, 0], [t, 1]])
        to = numpy.array([i - 1.5 - rows[n], j - 2.5 - columns[n]])
        row, column = numpy.linalg.solve(forward, to)
        expected[n, c, i, j] = sampled(x[n, c], row + 1.5, column + 2.5)
    item = Affine(40, 0.3, 20, 1.5)
    p = lib.asarray(item.parameters(u, (2, 4, 6)))
    assert_same(item.apply(lib.asarray(x), p), expected, lib)
    assert_same(item.apply(strided(lib).asarray(x), p), expected, lib)


def test_single_maps_are_parts_of_the_affine_one() -> None:
    u, half = numpy.random.default_rng(0).random((5, 2)), numpy.full((5, 1), 0.5)
    affine, shape = Affine(30, 0.2, 10, 3), (1, 5, 6)
    for item, parts in (
        (Rotate(30), (u[:, :1], half, half, half, half)),
        (Scale(0.2), (half, u[:, :1], half, half, half)),
        (Shift(3), (half, half, half, u)),
    ):
        alone = item.parameters(u[:, : sum(item.draws.values())], shape)
        numpy.testing.assert_array_equal(
            alone, affine.parameters(numpy.concatenate(parts, axis=1), shape)
        )


def test_a_crop_by_slices_of_a_padded_image(lib: Lib) -> None:
    rng = numpy.random.default_rng(0)
    x, u = rng.standard_normal((6, 2, 4, 7)), rng.random((6, 2))
    padded = numpy.pad(x, ((0, 0), (0, 0), (3, 3), (3, 3)))
    at = numpy.floor(7 * u).astype(int)
    expected = [padded[n, :, i : i + 4, j : j + 7] for n, (i, j) in enumerate(at)]
    p = lib.asarray(Crop(3).parameters(u, (2, 4, 7)))
    assert_same(Crop(3).apply(lib.asarray(x), p), numpy.stack(expected), lib)
    assert_same(Crop(3).apply(strided(lib).asarray(x), p), numpy.stack(expected), lib)


@pytest.mark.parametrize("name", augment.BY_NAME)
def test_dtype_shape_and_input_are_kept(lib: Lib, dtype: str, name: str) -> None:
    x = numpy.random.default_rng(0).standard_normal((4, 3, 5, 6)).astype(dtype)
    item = augment.make(name)
    given, p = lib.asarray(x), lib.asarray(numbers(item, x.shape), dtype)
    y = item.apply(given, p)
    assert y.dtype == lib.backend.dtype(dtype)
    assert tuple(y.shape) == x.shape
    numpy.testing.assert_array_equal(lib.to_host(given), x)


@pytest.mark.parametrize("name", augment.BY_NAME)
def test_numpy_stays_batch_last(name: str) -> None:
    x = numpy.ones((3, 5, 6, 4), numpy.float32).transpose(3, 0, 1, 2)
    item = augment.make(name)
    y = item.apply(x, numbers(item, x.shape).astype(numpy.float32))
    assert is_batch_last(x)
    assert is_batch_last(y)


def numbers(item: augment.Augmentation, shape: tuple[int, ...]) -> Array:
    """Return some p of an augmentation for images of a shape (n, c, h, w), on the host."""
    rng = numpy.random.default_rng(1)
    if isinstance(item, PerSample):
        return item.parameters(rng.random((shape[0], sum(item.draws.values()))), shape[1:])
    return rng.random((*shape, 2))


@pytest.mark.parametrize("name", augment.BY_NAME)
def test_no_batch_waits_for_the_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On CuPy, reading a value waits, and so do masks as indices and array-api-compat's clip."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("waits for the device")

    library = cupy_on_host()
    draw = numpy.random.default_rng(0)
    x = library.from_host(draw.random((3, 2, 6, 5), dtype=numpy.float32))
    labels = library.from_host(numpy.array([0, 1, 1]))
    augmenter = Augmenter(
        [augment.make(name)], library, seed=0, shape=(2, 6, 5), outputs=2, dtype="float32"
    )
    batches = augmenter.epoch(1, numpy.arange(3))
    plain = arrays.ndarray.__getitem__

    def getitem(self: Any, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        assert not any(getattr(k, "dtype", None) == numpy.bool_ for k in keys), "a mask as an index"
        return plain(self, key)

    monkeypatch.setattr(arrays.ndarray, "__getitem__", getitem)
    monkeypatch.setattr(arrays.namespace, "clip", refuse, raising=False)
    arrays.waits.clear()
    batches(x, labels, 0, 1)
    assert arrays.waits == []


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 3, 2, 5), (5, 1, 1, 4)])
@pytest.mark.parametrize("name", augment.BY_NAME)
def test_small_images(lib: Lib, shape: tuple[int, ...], name: str) -> None:
    item = augment.make(name)
    x = numpy.random.default_rng(0).standard_normal(shape)
    y = item.apply(lib.asarray(x), lib.asarray(numbers(item, shape)))
    assert tuple(y.shape) == shape
    assert numpy.isfinite(lib.to_host(y)).all()


def test_views(lib: Lib) -> None:
    x = lib.asarray([[IMAGE]])
    identity, flip = augment.views_of(["identity", "flip"])
    assert identity(x) is x
    assert_same(flip(x), numpy.array([[[[3.0, 2, 1], [6, 5, 4], [9, 8, 7]]]]), lib)
    for name, expected in (
        ("up-left", [[5, 6, 6], [8, 9, 9], [8, 9, 9]]),
        ("down-right", [[1, 1, 2], [1, 1, 2], [4, 4, 5]]),
        ("flip-up-left", [[6, 6, 5], [9, 9, 8], [9, 9, 8]]),
        ("flip-down-right", [[2, 1, 1], [2, 1, 1], [5, 4, 4]]),
    ):
        [view] = augment.views_of([name])
        assert_same(view(x), numpy.array([[expected]], "f8"), lib)
