"""Blur, erasing, resized crops, perspective, hue and policies: by hand, then pixel by pixel."""

import math
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.data.test_augment import IMAGE, sampled
from tests.lib import Lib
from xpcnn.data import augment
from xpcnn.data.augment import (
    Blur,
    Brightness,
    Contrast,
    Erasing,
    Flip,
    Hue,
    Perspective,
    RandAugment,
    ResizedCrop,
    Rotate,
    Saturation,
    TrivialAugment,
)
from xpcnn.data.augment.base import PerSample
from xpcnn.data.augment.blur import smoothed
from xpcnn.data.augment.policy import OPERATIONS
from xpcnn.errors import ConfigError

Host = numpy.ndarray
NO_ERASURE = Erasing(0.5, 4 / 9, 4 / 9, 1.0)

ONE_SAMPLE: list[tuple[PerSample, list[float], Any]] = [
    (Blur(), [0.0], IMAGE),
    # a square of 4 of the 9 pixels, its first row 1 of 0 and 1
    (NO_ERASURE, [0.4, 0.0, 0.5, 0.6, 0.0], [[1, 2, 3], [0, 0, 6], [0, 0, 9]]),
    (NO_ERASURE, [0.5, 0.0, 0.5, 0.6, 0.0], IMAGE),
    # four times as high as wide, and not higher than the sample
    (Erasing(1.0, 3 / 9, 3 / 9, 9.0), [0.0, 0.0, 1.0, 0.9, 0.9], [[1, 2, 0], [4, 5, 0], [7, 8, 0]]),
    (ResizedCrop(1.0, 1.0), [0.0, 0.5, 0.9, 0.9], IMAGE),
]


def applied(lib: Lib, item: PerSample, u: Any, x: Any, dtype: str = "float64") -> Any:
    x = numpy.asarray(x, dtype)
    p = item.parameters(numpy.asarray(u, "float64"), x.shape[1:])
    return item.apply(lib.asarray(x), lib.asarray(p, dtype))


@pytest.mark.parametrize(("item", "u", "expected"), ONE_SAMPLE)
def test_one_sample(lib: Lib, dtype: str, item: PerSample, u: Any, expected: Any) -> None:
    y = applied(lib, item, [u], [[IMAGE]], dtype)
    assert_same(y, numpy.asarray([[expected]], dtype), lib)


def test_smoothing_along_both_sides(lib: Lib, dtype: str) -> None:
    """Of the column 1, 4, 7: 3/4 + 4/4, 1/4 + 8/4 + 7/4, 4/4 + 21/4: the border goes on beyond."""
    y = smoothed(lib.asarray([[IMAGE]], dtype), lib.asarray([[0.5, 0.25]], dtype))
    expected = [[2, 2.75, 3.5], [4.25, 5, 5.75], [6.5, 7.25, 8]]
    assert_same(y, numpy.asarray([[expected]], dtype), lib)


def test_a_blur_is_a_bell_of_the_width_drawn() -> None:
    p = Blur(2.0).parameters(numpy.asarray([[0.5], [0.0], [1.0]]), (1, 9, 9))
    assert p.shape == (3, 7)
    numpy.testing.assert_allclose(p[:, 0] + 2 * p[:, 1:].sum(axis=1), 1.0, rtol=1e-15)
    assert p[1].tolist() == [1.0] + [0.0] * 6
    numpy.testing.assert_allclose(p[0] / p[0, 0], [math.exp(-k * k / 2) for k in range(7)])


def test_areas_and_proportions_are_as_said() -> None:
    u = numpy.random.default_rng(0).random((400, 5))
    top, bottom, left, right = Erasing(0.5, 0.1, 0.3, 2.0).parameters(u, (3, 40, 60)).T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (bottom <= 40).all()
    assert (right <= 60).all()
    is_erased = bottom > top
    numpy.testing.assert_array_equal(is_erased, u[:, 0] < 0.5)
    height, width = (bottom - top)[is_erased], (right - left)[is_erased]
    share = height * width / 2400
    assert 0.09 < share.min() < 0.12
    assert 0.28 < share.max() < 0.32
    assert 0.45 < (height / width).min() < 0.6
    assert 1.7 < (height / width).max() < 2.2


def test_a_resized_crop_pixel_by_pixel(lib: Lib) -> None:
    rng = numpy.random.default_rng(0)
    x, u = rng.standard_normal((5, 2, 4, 7)), rng.random((5, 4))
    expected = numpy.zeros_like(x)
    for n, c, i, j in numpy.ndindex(x.shape):
        area, root = 0.2 + 0.8 * u[n, 0], 1.5 ** (u[n, 1] - 0.5)
        rows, columns = min(4.0, 4 * math.sqrt(area) * root), min(7.0, 7 * math.sqrt(area) / root)
        top, left = (4 - rows) * u[n, 2], (7 - columns) * u[n, 3]
        row = top + (i + 0.5) / 4 * rows - 0.5
        column = left + (j + 0.5) / 7 * columns - 0.5
        expected[n, c, i, j] = sampled(x[n, c], min(max(row, 0), 3), min(max(column, 0), 6))
    assert_same(applied(lib, ResizedCrop(0.2, 1.5), u, x), expected, lib)


def test_perspective_carries_the_corners(lib: Lib) -> None:
    """The map takes the moved corners to those of the sample; between, it is a homography."""
    u = numpy.random.default_rng(0).random((6, 8))
    p = Perspective(0.6).parameters(u, (1, 5, 8))
    for n, (a, b, c, d, e, f, g, k) in enumerate(p):
        for m, (row, column) in enumerate([(-2.5, -4), (-2.5, 4), (2.5, 4), (2.5, -4)]):
            i, j = row * (1 - 0.6 * u[n, 2 * m]), column * (1 - 0.6 * u[n, 2 * m + 1])
            depth = g * i + k * j + 1
            to = [(a * i + b * j + c) / depth, (d * i + e * j + f) / depth]
            numpy.testing.assert_allclose(to, [row, column], atol=1e-12)
    x = numpy.random.default_rng(1).standard_normal((6, 2, 5, 8))
    expected = numpy.zeros_like(x)
    for n, ch, i, j in numpy.ndindex(x.shape):
        a, b, c, d, e, f, g, k = p[n]
        y, z = i - 2.0, j - 3.5
        depth = g * y + k * z + 1
        row, column = (a * y + b * z + c) / depth + 2.0, (d * y + e * z + f) / depth + 3.5
        expected[n, ch, i, j] = sampled(x[n, ch], row, column)
    assert_same(applied(lib, Perspective(0.6), u, x), expected, lib)
    assert_same(applied(lib, Perspective(0.0), u, x), x, lib)


def test_a_third_of_a_turn_of_the_hue_exchanges_the_channels(lib: Lib) -> None:
    x = numpy.asarray([1.0, 2, 6]).reshape(1, 3, 1, 1)
    assert_same(applied(lib, Hue(120), [[1.0]], x), x[:, [2, 0, 1]], lib)
    assert_same(applied(lib, Hue(120), [[0.0]], x), x[:, [1, 2, 0]], lib)
    grey = numpy.full((1, 3, 2, 2), 0.7)
    assert_same(applied(lib, Hue(50), [[0.9]], grey), grey, lib)
    assert_same(applied(lib, Hue(50), [[0.9]], x[:, :1]), x[:, :1], lib)
    y = lib.to_host(applied(lib, Hue(50), [[0.9]], x))
    assert numpy.linalg.norm(y) == pytest.approx(numpy.linalg.norm(x))  # a rotation


SIZE = (2, 3, 6, 5)


def sharpened(x: Host) -> Host:
    smooth = smoothed(x, numpy.asarray([[0.5, 0.25]] * len(x)))
    sharp: Host = smooth + 1.45 * (x - smooth)
    return sharp


ALONE: dict[str, Callable[[Host], Host]] = {
    "identity": lambda x: x,
    "rotate": lambda x: once(Rotate(15), x),
    "brightness": lambda x: once(Brightness(0.45), x),
    "contrast": lambda x: once(Contrast(0.45), x),
    "saturation": lambda x: once(Saturation(0.45), x),
    "sharpness": sharpened,
}


def once(item: PerSample, x: Host) -> Host:
    """Return the samples changed as much as the augmentation can."""
    u = numpy.ones((len(x), sum(item.draws.values())))
    changed: Host = item.apply(x, item.parameters(u, x.shape[1:]))
    return changed


def kind(name: str) -> float:
    return (OPERATIONS.index(name) + 0.5) / len(OPERATIONS)


@pytest.mark.parametrize("name", ALONE)
def test_an_operation_is_the_augmentation_of_its_name(name: str, lib: Lib) -> None:
    x = numpy.random.default_rng(2).standard_normal(SIZE)
    u = [[kind(name), 0.5, 1.0]] * 2
    assert_same(applied(lib, TrivialAugment(), u, x), ALONE[name](x), lib)
    u = [[kind(name), kind("identity"), 1.0, 1.0]] * 2
    assert_same(applied(lib, RandAugment(2, 0.5), u, x), ALONE[name](x), lib)


def test_operations_that_move(lib: Lib) -> None:
    """Half of 0.3 of 20 pixels is 3; a slant of 0.3 moves a pixel 10 away from the middle by 3."""
    x = numpy.random.default_rng(3).standard_normal((1, 1, 21, 20))
    down = lib.to_host(applied(lib, TrivialAugment(), [[kind("translate-x"), 0.5, 1.0]], x))
    numpy.testing.assert_allclose(down[..., :-3], x[..., 3:], atol=1e-12)
    assert (down[..., -3:] == 0).all()
    slanted = lib.to_host(applied(lib, TrivialAugment(), [[kind("shear-x"), 1.0, 1.0]], x))
    numpy.testing.assert_allclose(slanted[0, 0, 20, :-3], x[0, 0, 20, 3:], atol=1e-12)
    numpy.testing.assert_allclose(slanted[0, 0, 0, 3:], x[0, 0, 0, :-3], atol=1e-12)


def test_operations_follow_each_other(lib: Lib) -> None:
    x = numpy.random.default_rng(4).standard_normal(SIZE)
    u = [[kind("rotate"), kind("contrast"), 1.0, 1.0]] * 2
    expected = ALONE["contrast"](ALONE["rotate"](x))
    assert_same(applied(lib, RandAugment(2, 0.5), u, x), expected, lib)


def test_every_operation_is_as_likely() -> None:
    u = numpy.random.default_rng(5).random((5000, 3))
    p = TrivialAugment(0.7).parameters(u, (3, 10, 10))
    neutral = [1, 0, 0, 1, 0, 0, 0, 1, 1, 1]
    shares = [(abs(p[:, k] - neutral[k]) > 1e-9).mean() for k in range(10)]
    # m00 and m11: rotation; m01 and m10: rotation and a shear
    numpy.testing.assert_allclose(shares, [0.1, 0.2, 0.2, 0.1, *[0.1] * 6], atol=0.02)
    assert abs(p[:, 6]).max() == pytest.approx(0.63, abs=0.01)
    assert p[:, 6].min() < -0.6


def test_a_vertical_flip_is_a_flip() -> None:
    assert augment.make("vertical-flip") == Flip(horizontal=0.0, vertical=0.5)
    assert augment.make("Resized_Crop", smallest=0.5) == ResizedCrop(0.5)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Blur(0), "Blur: sigma must be a finite number > 0, got 0\nTry: Blur(sigma=1.0)"),
        (lambda: Hue(180), "Hue: degrees must be a number >= 0 and < 180, got 180\nTry: Hue("),
        (lambda: Perspective(1), "Perspective: by must be a number >= 0 and < 1, got 1\nTry: Per"),
        (lambda: Erasing(2), "Erasing: probability must be a number >= 0 and <= 1, got 2\nTry: "),
        (lambda: Erasing(ratio=0.5), "Erasing: ratio must be a finite number >= 1, got 0.5\nTry: "),
        (
            lambda: Erasing(smallest=0.5),
            "Erasing: smallest is 0.5, above largest, 0.33\nTry: Erasing(smallest=0.02, largest=",
        ),
        (
            lambda: ResizedCrop(0),
            "ResizedCrop: smallest must be a number >= 1e-06 and <= 1, got 0\nTry: ResizedCrop(sma",
        ),
        (lambda: RandAugment(0), "RandAugment: operations is 0, expected a whole number of at"),
        (lambda: RandAugment(strength=2), "RandAugment: strength must be a number >= 0 and <= 1, "),
        (
            lambda: TrivialAugment(-1),
            "TrivialAugment: strength must be a number >= 0 and <= 1, got",
        ),
    ],
)
def test_refused(make: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value).startswith(text)
