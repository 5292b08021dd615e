"""The check of images and the statistics of their channels."""

import math
import tracemalloc

import numpy as np
import pytest

from xpcnn.data.images import channel_statistics, check_images
from xpcnn.errors import DataError, DTypeError, ShapeError

NAN = np.zeros((3, 1, 2, 2), np.float32)
NAN[1, 0, 0, 1] = np.nan
NAN[2, 0, 1, 1] = np.inf

REFUSED = [
    (
        [[0]],
        DTypeError,
        "d: images must be a NumPy array, got list\nTry: numpy.asarray(images)",
    ),
    (
        np.zeros((3, 2, 2), np.uint8),
        ShapeError,
        "d: images must have the shape (n, c, h, w), got (3, 2, 2)\n"
        "Try: images[:, None], if they are grey",
    ),
    (
        np.zeros((3, 4), np.uint8),
        ShapeError,
        "d: images must have the shape (n, c, h, w), got (3, 4)\n"
        "Try: images.reshape(n, c, h, w); other numbers than pixels: Model.fit in Python",
    ),
    (
        np.zeros((0, 1, 2, 2), np.uint8),
        DataError,
        "d is empty: images have the shape (0, 1, 2, 2)\n"
        "Try: check the path, or the filter that chose the images",
    ),
    (
        np.zeros((7, 28, 30, 3), np.uint8),
        ShapeError,
        "d: images look channels-last, expected (n, c, h, w), got (7, 28, 30, 3)\n"
        "Try: images.transpose(0, 3, 1, 2)",
    ),
    (
        np.zeros((7, 8, 8, 1), np.float32),
        ShapeError,
        "d: images look channels-last, expected (n, c, h, w), got (7, 8, 8, 1)\n"
        "Try: images.transpose(0, 3, 1, 2)",
    ),
    (
        np.zeros((1, 1, 2, 2)),
        DTypeError,
        "d: images must be uint8 or float32, got float64\nTry: images.astype('float32')",
    ),
    (
        NAN,
        DataError,
        "d: 2 of 3 images hold NaN or infinity, the first: images 1, 2\n"
        "Try: leave these images out, or fix their source",
    ),
]


@pytest.mark.parametrize(("images", "error", "text"), REFUSED)
def test_bad_images_are_refused_with_the_fix(
    images: np.ndarray, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        check_images(images, "d")
    assert type(caught.value) is error
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1, 1), (4, 2, 1, 1), (2, 3, 32, 32), (2, 64, 100, 1), (2, 16, 3, 3), (2, 1, 28, 28)],
)
def test_channels_first_images_of_odd_shapes_are_not_taken_for_channels_last(
    shape: tuple[int, ...],
) -> None:
    check_images(np.zeros(shape, np.uint8), "d")


def test_statistics_by_hand() -> None:
    images = np.array([[[[0, 2]], [[7, 7]]], [[[4, 6]], [[7, 7]]]], np.uint8)  # (2, 2, 1, 2)
    mean, std = channel_statistics(images)
    assert mean == (3.0, 7.0)
    assert std == (math.sqrt(5.0), 1.0)  # (9 + 1 + 1 + 9) / 4; the constant channel gets 1


@pytest.mark.parametrize("shape", [(1500, 3, 9, 11), (3, 2, 300, 250), (1, 1, 1, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_statistics_over_several_chunks_equal_numpys(
    shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    images = np.random.default_rng(1).integers(0, 256, shape).astype(dtype)
    mean, std = channel_statistics(images)
    wide = images.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean(axis=(0, 2, 3)), rtol=1e-13)
    np.testing.assert_allclose(std, wide.std(axis=(0, 2, 3)), rtol=1e-13)
    assert all(type(value) is float for value in mean + std)


def test_statistics_of_a_large_picture_take_little_memory() -> None:
    images = np.ones((1, 3, 1200, 1200), np.uint8)
    tracemalloc.start()
    try:
        channel_statistics(images)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20  # in float64 the whole picture takes 35 MB


def test_variance_survives_a_large_mean() -> None:
    noise = np.random.default_rng(2).integers(0, 2, (400, 1, 28, 28))
    images = (2**23 + noise).astype(np.float32)  # exact in float32
    _, std = channel_statistics(images)
    np.testing.assert_allclose(std[0], noise.std(), rtol=1e-12)


def test_a_constant_float_channel_gets_deviation_1() -> None:
    images = np.full((700, 1, 13, 17), 0.1, np.float32)  # two chunks
    assert channel_statistics(images) == ((float(np.float32(0.1)),), (1.0,))
