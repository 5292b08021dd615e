"""Pictures from files to what a model takes: literal pixels, and every refusal."""

from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from xpcnn.data import Dataset, pictures
from xpcnn.data.pictures import ImageRule, read_picture
from xpcnn.errors import CheckpointError, DataError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

MNIST_LIKE = ImageRule(0.0, 255.0, "dark")
DIGITS_LIKE = ImageRule(0.0, 16.0, "dark")
PHOTOS = ImageRule(0.0, 255.0, "any")


def picture(path: Path, pixels: Any, **options: Any) -> Path:
    Image.fromarray(numpy.asarray(pixels, dtype=numpy.uint8)).save(path, **options)
    return path


def dot(outside: int, inside: int) -> list[list[int]]:
    """Return 3x3 pixels with another value in the middle."""
    rows = [[outside] * 3 for _ in range(3)]
    rows[1][1] = inside
    return rows


def dataset(images: Any) -> Dataset:
    return Dataset.from_arrays(numpy.asarray(images), [0] * len(images))


def test_the_rule_of_the_embedded_digits() -> None:
    train, _ = xpcnn.data.load("digits")
    assert ImageRule.of(train) == ImageRule(0.0, 16.0, "dark", extent=1.0)


@pytest.mark.parametrize(
    ("borders", "rule"),
    [
        ([0] * 9 + [255], "dark"),
        ([0] * 8 + [255] * 2, "any"),
        ([250] * 10, "light"),
        ([120] * 10, "any"),
    ],
)
def test_the_border_of_nine_in_ten_images_is_the_rule(borders: list[int], rule: str) -> None:
    images = numpy.asarray([[dot(b, 255 - b)] for b in [*borders[:-1], borders[-1]]], numpy.uint8)
    images[0, 0, 1, 1], images[1, 0, 1, 1] = 0, 255
    found = ImageRule.of(dataset(images))
    assert (found.low, found.high, found.border) == (0.0, 255.0, rule)
    assert found.extent == (None if rule == "any" else pytest.approx(1 / 3))


def test_the_rule_of_images_that_are_all_alike_has_a_range() -> None:
    assert ImageRule.of(dataset(numpy.full((2, 1, 3, 3), 7, numpy.uint8))) == ImageRule(
        7, 8, "dark", extent=1.0
    )


def test_a_picture_of_the_right_size_keeps_its_pixels(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", dot(0, 255))
    x = read_picture(path, (1, 3, 3), MNIST_LIKE)
    assert x.dtype == numpy.float32
    assert x.tolist() == [dot(0, 255)]
    assert read_picture(path, (1, 3, 3), DIGITS_LIKE).tolist() == [dot(0, 16)]


@pytest.mark.parametrize(
    ("border", "invert", "inverted"),
    [
        ("dark", "auto", True),
        ("light", "auto", False),
        ("any", "auto", False),
        ("dark", "no", False),
        ("light", "yes", True),
    ],
)
def test_a_light_picture_is_inverted_for_dark_data(
    tmp_path: Path, border: Any, invert: Any, inverted: bool
) -> None:
    path = picture(tmp_path / "a.png", dot(255, 0))
    x = read_picture(path, (1, 3, 3), ImageRule(0.0, 255.0, border), invert)
    assert x.tolist() == [dot(0, 255) if inverted else dot(255, 0)]


def test_a_dark_picture_is_inverted_for_light_data(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", dot(0, 255))
    light = ImageRule(0.0, 255.0, "light")
    assert read_picture(path, (1, 3, 3), light).tolist() == [dot(255, 0)]


def test_colours_become_grey_and_grey_becomes_colours(tmp_path: Path) -> None:
    red = picture(tmp_path / "red.png", [[[255, 0, 0]] * 2] * 2)
    assert read_picture(red, (1, 2, 2), PHOTOS).tolist() == [[[76.0] * 2] * 2]  # 0.299 of red
    assert read_picture(red, (3, 2, 2), PHOTOS)[:, 0, 0].tolist() == [255.0, 0.0, 0.0]
    grey = picture(tmp_path / "grey.png", [[9, 9], [9, 9]])
    assert read_picture(grey, (3, 2, 2), PHOTOS)[:, 0, 0].tolist() == [9.0] * 3


def test_a_wide_picture_keeps_its_proportions_in_the_middle(tmp_path: Path) -> None:
    pixels = numpy.full((4, 8), 40)
    pixels[1:3, 2:6] = 200
    x = read_picture(picture(tmp_path / "wide.png", pixels), (1, 4, 4), PHOTOS)
    assert x.shape == (1, 4, 4)
    assert x[0, 0].tolist() == [40.0] * 4  # filled up with the border's colour
    assert x[0, 3].tolist() == [40.0] * 4
    assert (x[0, 1:3, 1:3] > x[0, 1:3, [0, 3]].max()).all()


def test_a_small_tall_picture_grows(tmp_path: Path) -> None:
    pixels = numpy.full((2, 1), 50)
    x = read_picture(picture(tmp_path / "tall.png", pixels), (1, 8, 8), PHOTOS)
    assert x.tolist() == [[[50.0] * 8] * 8]


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    pixels = numpy.zeros((3, 3, 4))
    pixels[1, 1] = [0, 0, 0, 255]  # a black dot on nothing
    path = picture(tmp_path / "alpha.png", pixels)
    assert read_picture(path, (1, 3, 3), PHOTOS).tolist() == [dot(255, 0)]
    assert read_picture(path, (1, 3, 3), MNIST_LIKE).tolist() == [dot(0, 255)]
    assert read_picture(path, (4, 3, 3), PHOTOS, "yes")[:, 1, 1].tolist() == [255.0] * 4


def test_a_picture_of_16_bits_keeps_its_greys(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(numpy.asarray(dot(0, 65535), dtype=numpy.uint16)).save(path)
    assert read_picture(path, (1, 3, 3), PHOTOS).tolist() == [dot(0, 255)]


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    path = picture(tmp_path / "turned.png", [[10, 20], [30, 40]], exif=exif)
    assert read_picture(path, (1, 2, 2), PHOTOS).tolist() == [[[30.0, 10.0], [40.0, 20.0]]]


def test_the_same_digit_as_a_picture_is_the_same_digit(tmp_path: Path) -> None:
    train, test = xpcnn.data.load("digits")
    rule = ImageRule.of(train)
    levels = (test.images[:5, 0].astype(float) * 255 / 16).round()
    for i, pixels in enumerate(levels):
        path = picture(tmp_path / f"{i}.png", 255 - pixels)  # ink on paper
        x = read_picture(path, test.shape, rule)
        numpy.testing.assert_allclose(x, test.images[i], atol=16 / 255)


def test_refusals_name_the_file(tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    cut = picture(tmp_path / "cut.png", numpy.arange(2500).reshape(50, 50) ** 2 % 251)
    cut.write_bytes(cut.read_bytes()[:200])
    for path, message in (
        (text, f"{text}: not a picture that Pillow knows\nTry: a PNG or JPEG file"),
        (tmp_path / "no.png", f"{tmp_path / 'no.png'}: there is no such file\nTry: "),
        (cut, f"{cut}: cannot be read: "),
        (tmp_path, f"{tmp_path}: cannot be read: "),
    ):
        with pytest.raises(DataError) as caught:
            read_picture(path, (1, 3, 3), PHOTOS)
        assert str(caught.value).startswith(message)


def test_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = picture(tmp_path / "a.png", dot(0, 255))
    monkeypatch.setattr(pictures, "_MOST_PIXELS", 8)
    with pytest.raises(DataError, match="3 x 3 pixels are too many"):
        read_picture(path, (1, 3, 3), PHOTOS)


def test_channels_that_no_picture_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the model takes images of 2 channels; pictures can give"):
        read_picture(tmp_path / "a.png", (2, 3, 3), PHOTOS)


def test_a_rule_and_its_table() -> None:
    assert ImageRule.from_table(DIGITS_LIKE.as_table()) == DIGITS_LIKE
    with pytest.raises(CheckpointError, match="does not say what values its images had"):
        ImageRule.from_table({})
    good = DIGITS_LIKE.as_table()
    for change in ({"low": None}, {"high": 0.0}, {"low": float("nan")}, {"border": "grey"}):
        with pytest.raises(CheckpointError, match="image_rule needs low < high and a border"):
            ImageRule.from_table(good | change)


def test_what_is_drawn_is_framed_as_the_training_data_are(tmp_path: Path) -> None:
    """A black bar of 2 x 6 in the corner of white paper, framed to fill half of 8 x 8."""
    page = numpy.full((30, 40), 255, numpy.uint8)
    page[3:9, 5:7] = 0
    path = picture(tmp_path / "bar.png", page.tolist())
    rule = ImageRule(0.0, 16.0, "dark", extent=0.5)
    x = read_picture(path, (1, 8, 8), rule)[0]
    assert (x > 8).sum(axis=0).tolist() == [0, 0, 0, 4, 0, 0, 0, 0]
    assert (x > 8).sum(axis=1).tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    whole = read_picture(path, (1, 8, 8), rule, frame=False)[0]
    assert whole[:4, 4:].max() == 0


def test_a_picture_of_the_right_size_is_framed_already(tmp_path: Path) -> None:
    page = numpy.full((8, 8), 255, numpy.uint8)
    page[0, 0] = 0
    path = picture(tmp_path / "small.png", page.tolist())
    x = read_picture(path, (1, 8, 8), ImageRule(0.0, 1.0, "dark", extent=0.5))
    assert x[0, 0, 0] == 1.0
    assert x.sum() == 1.0


def test_an_empty_page_stays_empty(tmp_path: Path) -> None:
    path = picture(tmp_path / "empty.png", [[250] * 20] * 20)
    x = read_picture(path, (1, 8, 8), ImageRule(0.0, 255.0, "dark", extent=0.5))
    assert x.max() == x.min() == pytest.approx(5)


@pytest.mark.parametrize("paper", [255, 0])
def test_drawn_digits_are_recognised(tmp_path: Path, paper: int) -> None:
    """Digits of a font, with the margin that people leave: most are what they are."""
    from PIL import Image, ImageDraw, ImageFont

    train, _ = xpcnn.data.load("digits")
    preset = xpcnn.models.preset("digits")
    model = xpcnn.Model(preset.layers, input_shape=train.shape, loss=preset.loss)
    model.fit(train, **vars(preset.training))
    pictures = []
    for digit in range(10):
        page = Image.new("L", (120, 120), paper)
        font = ImageFont.load_default(size=70)
        ImageDraw.Draw(page).text((38, 20), str(digit), fill=255 - paper, font=font)
        page.save(tmp_path / "digit.png")
        pictures.append(read_picture(tmp_path / "digit.png", (1, 8, 8), ImageRule.of(train)))
    assert numpy.sum(model.predict(numpy.stack(pictures)) == numpy.arange(10)) >= 7
