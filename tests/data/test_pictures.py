"""Pictures from files to what a model takes: literal pixels, one rule for each mode."""

from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.data.small_pictures import dot, picture
from xpcnn.data.pictures import read_picture
from xpcnn.data.reading import Arrays, Drawn, Pictures
from xpcnn.errors import ConfigError, DataError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

MNIST_LIKE = Drawn((3, 3), 0.0, 255.0, "dark", extent=1.0)
GREY = Pictures("L", (3, 3))
COLOUR = Pictures("RGB", (2, 2))


def sample(path: Path, *arguments: Any, **options: Any) -> list[Any]:
    found: list[Any] = read_picture(path, *arguments, **options).sample.tolist()
    return found


def test_a_picture_of_the_right_size_keeps_its_values(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", dot(20, 70))  # not the whole range
    found = read_picture(path, GREY)
    assert (found.sample.dtype.name, found.sample.tolist()) == ("uint8", [dot(20, 70)])
    assert [found.framed, found.inverted, found.blank] == [False] * 3
    tenths = read_picture(path, Arrays((1, 3, 3), 0.0, 25.5)).sample
    assert tenths.dtype == numpy.float32
    numpy.testing.assert_allclose(tenths, [dot(2, 7)], rtol=1e-6)


def test_pictures_are_inverted_only_when_asked(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", dot(255, 10))
    assert sample(path, GREY) == [dot(255, 10)]
    found = read_picture(path, GREY, "yes")
    assert (found.sample.tolist(), found.sample.dtype.name) == ([dot(0, 245)], "uint8")
    assert found.inverted
    assert sample(path, Arrays((1, 3, 3), -1.0, 1.0), "yes")[0][0][0] == -1.0


@pytest.mark.parametrize("reading", [COLOUR, Arrays((3, 2, 2), 0.0, 1.0), Pictures("F", (2, 2))])
def test_colours_and_floats_are_never_inverted(tmp_path: Path, reading: Any) -> None:
    what = "floats or 32 bits" if reading.shape[0] == 1 else "colours"
    with pytest.raises(ConfigError, match=f"pictures of {what} cannot be inverted"):
        read_picture(tmp_path / "a.png", reading, "yes")


def test_colours_become_grey_and_grey_becomes_colours(tmp_path: Path) -> None:
    red = picture(tmp_path / "red.png", [[[255, 0, 0]] * 2] * 2)
    assert sample(red, Pictures("L", (2, 2))) == [[[76] * 2] * 2]  # 0.299 of red
    assert read_picture(red, COLOUR).sample[:, 0, 0].tolist() == [255, 0, 0]
    grey = picture(tmp_path / "grey.png", [[9, 9], [9, 9]])
    assert read_picture(grey, COLOUR).sample[:, 0, 0].tolist() == [9] * 3


@pytest.mark.parametrize("mode", ["CMYK", "LA", "LAB", "YCbCr"])
@pytest.mark.parametrize("side", [3, 12])  # 12: averaged over blocks
def test_every_mode_of_a_file_becomes_grey(tmp_path: Path, mode: str, side: int) -> None:
    from PIL import Image

    path = tmp_path / "a.tif"
    Image.new("RGB", (side, side), (90, 90, 90)).convert(mode).save(path)
    for wanted in ("L", "RGB"):
        sample = read_picture(path, Pictures(wanted, (3, 3))).sample
        assert abs(sample.astype(int) - 90).max() <= 2


def test_a_wide_picture_keeps_its_proportions_in_the_middle(tmp_path: Path) -> None:
    pixels = numpy.full((4, 8), 40)
    pixels[1:3, 2:6] = 200
    path = picture(tmp_path / "wide.png", pixels)
    x = read_picture(path, Pictures("L", (4, 4))).sample
    assert x.shape == (1, 4, 4)
    assert x[0, 0].tolist() == [40] * 4  # filled up with the border's colour
    assert x[0, 3].tolist() == [40] * 4
    assert (x[0, 1:3, 1:3] > x[0, 1:3, [0, 3]].max()).all()
    exact = read_picture(path, Pictures("L", (8, 8))).sample
    assert exact[0, 2:6].tolist() == pixels.tolist()


def test_a_picture_is_cut_off_evenly(tmp_path: Path) -> None:
    path = picture(tmp_path / "wide.png", [[10, 20, 30, 40], [50, 60, 70, 80]])
    assert sample(path, Pictures("L", (2, 2), "crop")) == [[[20, 30], [60, 70]]]
    tall = picture(tmp_path / "tall.png", numpy.arange(8).reshape(4, 2))
    assert sample(tall, Pictures("L", (2, 2), "crop")) == [[[2, 3], [4, 5]]]
    odd = picture(tmp_path / "odd.png", numpy.full((5, 29), 7))  # 29 / 7 * 7 is more than 29
    assert sample(odd, Pictures("L", (1, 7), "crop")) == [[[7] * 7]]


def test_a_small_tall_picture_grows(tmp_path: Path) -> None:
    path = picture(tmp_path / "tall.png", numpy.full((2, 1), 50))
    assert sample(path, Pictures("L", (8, 8))) == [[[50] * 8] * 8]


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    pixels = numpy.zeros((3, 3, 4))
    pixels[1, 1] = [0, 0, 0, 255]  # a black dot on nothing
    path = picture(tmp_path / "alpha.png", pixels)
    assert sample(path, GREY) == [dot(255, 0)]
    assert sample(path, MNIST_LIKE) == [dot(0, 255)]
    assert sample(path, Arrays((4, 3, 3), 0.0, 255.0))[3] == dot(0, 255)


def test_a_colour_that_is_transparent_is_white_before_a_picture_is_made_smaller(
    tmp_path: Path,
) -> None:
    pixels = numpy.zeros((64, 64, 3))
    pixels[:, :33, 0] = 255
    key = picture(tmp_path / "key.png", pixels, transparency=(255, 0, 0))
    opacity = numpy.where(pixels[..., :1], 0, 255)
    alpha = picture(tmp_path / "alpha.png", numpy.concatenate([pixels, opacity], axis=2))
    assert sample(key, Pictures("L", (8, 8))) == sample(alpha, Pictures("L", (8, 8)))


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    for mode, dtype, white in (("L", numpy.uint8, 255), ("I;16", numpy.uint16, 65535)):
        for suffix in ("png", "tif"):
            pixels = [[0, 0], [white, 0]]
            path = picture(tmp_path / f"turned.{suffix}", pixels, dtype, exif=exif)
            assert sample(path, Pictures(mode, (2, 2))) == [[[white, 0], [0, 0]]]  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bits_have_one_scale_whatever_the_picture_holds(tmp_path: Path, suffix: str) -> None:
    dim = picture(tmp_path / f"dim.{suffix}", dot(0, 200), numpy.uint16)
    lit = picture(tmp_path / f"lit.{suffix}", dot(257, 65535), numpy.uint16)
    deep = Pictures("I;16", (3, 3))
    found = read_picture(dim, deep).sample
    assert (found.dtype.name, found.tolist()) == ("float32", [dot(0, 200)])
    assert sample(lit, deep) == [dot(257, 65535)]
    assert sample(dim, GREY) == [dot(0, 1)]
    assert sample(lit, GREY) == [dot(1, 255)]
    flat = picture(tmp_path / "flat.png", dot(1, 255))
    assert sample(flat, deep) == [dot(257, 65535)]
    assert sample(lit, deep, "yes") == [dot(65278, 0)]


def test_floats_keep_their_values(tmp_path: Path) -> None:
    path = picture(tmp_path / "depth.tif", dot(-3, 700), numpy.float32)
    found = read_picture(path, Pictures("F", (3, 3))).sample
    assert (found.dtype.name, found.tolist()) == ("float32", [dot(-3, 700)])
    whole = picture(tmp_path / "whole.tif", dot(0, 100_000), numpy.int32)
    assert sample(whole, Pictures("F", (3, 3))) == [dot(0, 100_000)]
    for reading in (GREY, Pictures("I;16", (3, 3)), MNIST_LIKE):
        with pytest.raises(DataError, match=r"depth\.tif: its values are floats, expected of 8 or"):
            read_picture(path, reading)
        with pytest.raises(DataError, match=r"whole\.tif: its values are of 32 bits, expected"):
            read_picture(whole, reading)
    flat = picture(tmp_path / "flat.png", dot(1, 255))
    with pytest.raises(DataError, match=r"flat\.png: its values are of 8 bits, expected floats or"):
        read_picture(flat, Pictures("F", (3, 3)))


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    pixels = numpy.asarray(dot(0, 1), float)
    pixels[0, 0] = value
    path = picture(tmp_path / "masked.tif", pixels, numpy.float32)
    with pytest.raises(DataError) as caught:
        read_picture(path, Pictures("F", (3, 3)))
    assert str(caught.value) == (
        f"{path}: holds NaN or infinity\nTry: fill these pixels in, or leave the picture out"
    )


def test_channels_that_no_picture_has(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="the model takes images of 2 channels; pictures can give"
    ):
        read_picture(tmp_path / "a.png", Arrays((2, 3, 3), 0.0, 1.0))


def test_arrays_without_black_and_white(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="arrays in which black and white are not known"):
        read_picture(tmp_path / "a.png", Arrays((1, 3, 3), None, None))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16"])
def test_a_large_picture_is_averaged_over(tmp_path: Path, mode: str) -> None:
    """It is in several bands; every block has the mean of its pixels."""
    blocks = numpy.asarray([[0, 255, 0, 255], [255, 0, 255, 0], [0, 0, 255, 255]])
    pixels = blocks.repeat(500, axis=0).repeat(400, axis=1)
    if mode == "I;16":
        path = picture(tmp_path / "a.png", pixels * 257, numpy.uint16)
    else:
        path = picture(tmp_path / "a.png", pixels)
        with Image.open(path) as grey:
            grey.convert(mode).save(path)
    x = read_picture(path, Pictures("L", (15, 16), resampling="box")).sample[0]
    assert x[2::5, 1::4].tolist() == blocks.tolist()
    assert x[:5].tolist() == x[:1].repeat(5, axis=0).tolist()
