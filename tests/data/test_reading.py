"""How the samples of a data set were read: what is observed of arrays, and what is refused."""

from typing import Any

import numpy
import pytest

import xpcnn
from tests.data.small_pictures import dot
from xpcnn.data import Dataset
from xpcnn.data.reading import Arrays, Drawn, Pictures, border, observed
from xpcnn.errors import ConfigError, DataError
from xpcnn.layers import Dense, Flatten


def test_the_embedded_digits_are_drawn() -> None:
    train, _ = xpcnn.data.load("digits")
    assert train.reading is None
    assert observed(train.images) == Drawn((8, 8), 0.0, 16.0, "dark", extent=1.0)


@pytest.mark.parametrize(
    ("borders", "ground"),
    [
        ([0] * 9 + [255], "dark"),
        ([0] * 8 + [255] * 2, None),
        ([250] * 10, "light"),
        ([120] * 10, None),
        ([25] * 10, None),  # night pictures have a dark border, but no ground of one level
    ],
)
def test_nine_in_ten_images_on_the_same_ground_are_drawn(
    borders: list[int], ground: str | None
) -> None:
    images = numpy.asarray([[dot(b, 255 - b)] for b in borders], numpy.uint8)
    images[0, 0, 1, 1], images[1, 0, 1, 1] = 0, 255
    images[0, 0, 0, 0], images[1, 0, 0, 0] = 255, 0  # a pixel of the border is not the border
    found = observed(images)
    if ground is None:
        assert found == Arrays((1, 3, 3), 0.0, 255.0)
    else:
        assert isinstance(found, Drawn)
        assert (found.low, found.high, found.ground) == (0.0, 255.0, ground)
        assert found.extent == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("values", "black", "white"),
    [
        ([0.0, 0.5, 1.0], 0.0, 1.0),
        ([-0.5, 0.5, 0.9], -1.0, 1.0),
        ([0.0, 3.0, 200.0], 0.0, 255.0),
        ([5.0, 3.0, 4000.0], 0.0, 65535.0),
        ([-2.5, 3.0, 0.0], None, None),
    ],
)
def test_black_and_white_of_floats(
    values: list[float], black: float | None, white: float | None
) -> None:
    images = numpy.zeros((1, 3, 1, 3), numpy.float32) + numpy.asarray(values, numpy.float32)
    assert observed(images) == Arrays((3, 1, 3), black, white)


def test_black_and_white_of_bytes_are_not_those_of_the_darkest_and_lightest() -> None:
    images = numpy.arange(20, 38, dtype=numpy.uint8).reshape(2, 1, 3, 3)
    assert observed(images) == Arrays((1, 3, 3), 0.0, 255.0)
    assert observed(numpy.full_like(images, 7)) == Arrays((1, 3, 3), 0.0, 255.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pictures("L", (0, 3)), "size is (0, 3), expected whole numbers from 1 to 32768"),
        (lambda: Pictures("L", (3, 10**6)), "size is (3, 1000000), expected whole numbers"),
        (lambda: Arrays((1, 3, 3), 1.0, 1.0), "low is 1.0 and high is 1.0, expected low < high"),
        (lambda: Arrays((1, 3, 3), 1.0, None), "low and high must be given together"),
        (lambda: Drawn((3, 3), 0, 1, "dark", 1.5), "extent is 1.5, expected a part of the sample"),
        (lambda: Drawn((3, 3), 2, 1, "dark", 1.0), "low is 2 and high is 1, expected low < high"),
    ],
)
def test_readings_that_make_no_sense(make: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_a_data_set_and_its_reading_have_one_shape() -> None:
    images = numpy.zeros((2, 1, 3, 3), numpy.uint8)
    images[0] = 1
    whole = Dataset.from_arrays(images, [0, 1], reading=Pictures("L", (3, 3)))
    assert whole.subset([1]).reading == Pictures("L", (3, 3))
    with pytest.raises(DataError, match=r"reading is for \(3, 3, 3\), the images are \(1, 3, 3\)"):
        Dataset.from_arrays(images, [0, 1], reading=Pictures("RGB", (3, 3)))


def test_a_model_keeps_how_its_first_samples_were_read() -> None:
    images = numpy.arange(18, dtype=numpy.uint8).reshape(2, 1, 3, 3)
    model = xpcnn.Model([Flatten(), Dense(2)], input_shape=(1, 3, 3))
    assert model.reading is None
    pictures = Dataset.from_arrays(images, [0, 1], reading=Pictures("L", (3, 3), "crop"))
    model.fit(pictures, epochs=1)
    model.fit((images, [0, 1]), epochs=1)
    assert model.reading == Pictures("L", (3, 3), "crop")
    other = xpcnn.Model([Flatten(), Dense(2)], input_shape=(1, 3, 3))
    other.fit((images, [0, 1]), epochs=1)
    assert other.reading == Arrays((1, 3, 3), 0.0, 255.0)
    assert other.to("numpy").reading == other.reading


@pytest.mark.parametrize(
    ("h", "w", "outermost"),
    [
        (3, 4, [0, 1, 2, 3, 4, 7, 8, 9, 10, 11]),
        (1, 3, [0, 1, 2]),
        (3, 1, [0, 1, 2]),
        (2, 2, [0, 1, 2, 3]),
        (1, 1, [0]),
    ],
)
def test_each_outermost_pixel_counts_once(h: int, w: int, outermost: list[int]) -> None:
    x = numpy.arange(2 * h * w).reshape(2, h, w)
    assert [sorted(pixels) for pixels in border(x).tolist()] == [
        outermost,
        [h * w + i for i in outermost],
    ]
