"""Pictures of drawings, for a model of drawn digits: framed, inverted, blank."""

from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.data.small_pictures import dot, picture
from xpcnn.data.pictures import read_picture
from xpcnn.data.reading import Drawn, Pictures, observed

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


@pytest.mark.parametrize(
    ("ground", "invert", "inverted"),
    [
        ("dark", "auto", True),
        ("light", "auto", False),
        ("dark", "no", False),
        ("light", "yes", True),
    ],
)
def test_a_light_page_is_inverted_for_drawings_on_a_dark_ground(
    tmp_path: Path, ground: Any, invert: Any, inverted: bool
) -> None:
    path = picture(tmp_path / "a.png", dot(255, 0))
    found = read_picture(path, Drawn((3, 3), 0.0, 16.0, ground, 1.0), invert)
    assert found.sample.tolist() == [dot(0, 16) if inverted else dot(16, 0)]
    assert found.inverted is inverted
    dark = picture(tmp_path / "b.png", dot(0, 255))
    assert read_picture(dark, Drawn((3, 3), 0.0, 1.0, "light", 1.0)).inverted


def test_the_same_digit_as_a_picture_is_the_same_digit(tmp_path: Path) -> None:
    train, test = xpcnn.data.load("digits")
    levels = (test.images[:5, 0].astype(float) * 255 / 16).round()
    for i, pixels in enumerate(levels):
        path = picture(tmp_path / f"{i}.png", 255 - pixels)  # ink on paper
        found = read_picture(path, observed(train.images))
        numpy.testing.assert_allclose(found.sample, test.images[i], atol=16 / 255)
        assert found.inverted
        assert not found.framed


def test_what_is_drawn_is_framed_as_the_training_data_are(tmp_path: Path) -> None:
    """A black bar of 2 x 6 in the corner of white paper, framed to fill half of 8 x 8."""
    page = numpy.full((30, 40), 255)
    page[3:9, 5:7] = 0
    path = picture(tmp_path / "bar.png", page)
    drawn = Drawn((8, 8), 0.0, 16.0, "dark", extent=0.5)
    found = read_picture(path, drawn)
    assert (found.framed, found.inverted) == (True, True)
    assert (found.sample[0] > 8).sum(axis=0).tolist() == [0, 0, 0, 4, 0, 0, 0, 0]
    assert (found.sample[0] > 8).sum(axis=1).tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    whole = read_picture(path, drawn, frame=False)
    assert not whole.framed
    assert whole.sample[0, :4, 4:].max() == 0


def test_a_large_page_is_framed_like_a_small_one(tmp_path: Path) -> None:
    page = numpy.full((45, 60), 255)
    page[20:32, 30:34] = 0
    large = page.repeat(70, axis=0).repeat(70, axis=1)
    drawn = Drawn((8, 8), 0.0, 16.0, "dark", extent=0.75)
    small, huge = (
        read_picture(picture(tmp_path / f"{i}.png", p), drawn) for i, p in enumerate((page, large))
    )
    assert huge.framed
    numpy.testing.assert_allclose(huge.sample, small.sample, atol=1.0)


def test_a_picture_of_the_right_size_is_framed_already(tmp_path: Path) -> None:
    page = numpy.full((8, 8), 255)
    page[0, 0] = 0
    path = picture(tmp_path / "small.png", page)
    found = read_picture(path, Drawn((8, 8), 0.0, 1.0, "dark", extent=0.5))
    assert not found.framed
    assert found.sample[0, 0, 0] == found.sample.sum() == 1.0


@pytest.mark.parametrize("size", [20, 8])
def test_a_page_on_which_nothing_is_drawn_is_blank(tmp_path: Path, size: int) -> None:
    page = numpy.full((size, size), 250)
    page[3, 3] = 230  # a shade of the paper
    path = picture(tmp_path / "empty.png", page)
    found = read_picture(path, Drawn((8, 8), 0.0, 255.0, "dark", extent=0.5))
    assert (found.blank, found.framed) == (True, False)
    assert not read_picture(path, Pictures("L", (8, 8))).blank


def test_a_pale_drawing_is_none_the_less_drawn_and_noise_is_not(tmp_path: Path) -> None:
    """Strokes of a yellow that is nearly white in grey, on paper with the noise of a scanner."""
    reading = Drawn((8, 8), 0.0, 255.0, "dark", extent=0.5)
    noise = numpy.random.default_rng(1).normal(0, 4, (100, 100, 1))
    page = (numpy.full((100, 100, 3), 248) + noise).clip(0, 255)
    assert read_picture(picture(tmp_path / "noise.png", page), reading).blank
    page[30:70, 40:60] = [255, 240, 60]
    found = read_picture(picture(tmp_path / "pale.png", page), reading)
    assert (found.blank, found.framed) == (False, True)
    assert (found.sample[0, 2:6, 3:5] > found.sample[0, 0, 0] + 8).all()  # the bar fills the frame


@pytest.fixture(scope="module")
def digits_model() -> xpcnn.Model:
    """Return a model of the embedded digits."""
    train, _ = xpcnn.data.load("digits")
    preset = xpcnn.models.preset("digits")
    model = xpcnn.Model(preset.layers, input_shape=train.shape, loss=preset.loss)
    model.fit(train, preset.training)
    return model


@pytest.mark.parametrize("paper", [255, 0])
def test_drawn_digits_are_recognised(tmp_path: Path, digits_model: xpcnn.Model, paper: int) -> None:
    """Digits of a font, with the margin that people leave: most are what they are."""
    from PIL import Image, ImageDraw, ImageFont

    model = digits_model
    assert model.reading is not None
    pictures = []
    for digit in range(10):
        page = Image.new("L", (120, 120), paper)
        font = ImageFont.load_default(size=70)
        ImageDraw.Draw(page).text((38, 20), str(digit), fill=255 - paper, font=font)
        page.save(tmp_path / "digit.png")
        pictures.append(read_picture(tmp_path / "digit.png", model.reading).sample)
    assert numpy.sum(model.predict(numpy.stack(pictures)) == numpy.arange(10)) >= 7
