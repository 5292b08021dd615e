"""Opening picture files that are not trusted: what is refused, and what it costs."""

import os
from contextlib import suppress
from pathlib import Path

import numpy
import pytest

from tests.data.small_pictures import dot, picture, png
from xpcnn.data import picture_files
from xpcnn.data.pictures import read_picture
from xpcnn.data.reading import Pictures
from xpcnn.errors import DataError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

GREY = Pictures("L", (3, 3))
KINDS = ", ".join(picture_files.FORMATS)


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_picture(path, GREY)
    return str(caught.value)


def test_refusals_name_the_file(tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    advice = "Try: a PNG or JPEG file"
    message = f"{text}: is not a picture in a format that can be read ({KINDS})"
    assert refusal(text) == f"{message}\n{advice}"
    missing = tmp_path / "no.png"
    assert refusal(missing).startswith(f"{missing}: there is no such file\n")
    assert refusal(tmp_path).startswith(f"{tmp_path}: cannot be read: Is a directory\n")
    cut = picture(tmp_path / "cut.png", numpy.arange(2500).reshape(50, 50) ** 2 % 251)
    cut.write_bytes(cut.read_bytes()[:200])
    damaged = "\nTry: another copy of the picture, or leave it out"
    assert refusal(cut).startswith(f"{cut}: the picture is damaged: ")
    assert refusal(cut).endswith(damaged)
    cut.write_bytes(cut.read_bytes()[:12])
    assert refusal(cut) == f"{cut}: is a damaged PNG file{damaged}"
    cut.write_bytes(b"")
    assert refusal(cut) == f"{cut}: is empty\n{advice}"


def test_a_defect_of_our_own_is_not_taken_for_damage(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", dot(0, 255))
    for defect in (TypeError, AttributeError, NameError, KeyError, IndexError, AssertionError):
        with pytest.raises(defect), picture_files.opened(path):
            raise defect


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp", "avif", "jp2"])
def test_damaged_files_of_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    try:
        picture(path, numpy.arange(40_000).reshape(200, 200) ** 2 % 251)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow writes no {suffix}")
    whole = path.read_bytes()
    for length in (12, 40, len(whole) // 2):
        path.write_bytes(whole[:length])
        with suppress(DataError):  # nothing else; some formats show what is left
            read_picture(path, GREY)


def test_other_formats_are_not_opened(tmp_path: Path) -> None:
    """Pillow would start Ghostscript for this one."""
    path = tmp_path / "a.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    assert "is not a picture in a format that can be read" in refusal(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    os.mkfifo(path)
    assert refusal(path).startswith(f"{path}: is a pipe or a device, expected a regular file\n")


def test_pixels_are_in_proportion_to_the_file(tmp_path: Path) -> None:
    assert read_picture(png(tmp_path / "page.png", 5_000), GREY).sample.min() == 255
    bomb = png(tmp_path / "bomb.png", 9_000)
    size = f"{bomb.stat().st_size:,}"
    assert refusal(bomb) == (
        f"{bomb}: 9000 x 9000 pixels are too many for a file of {size} bytes\n"
        "Try: the picture in a smaller size: 100 million pixels at most"
    )


def test_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = picture(tmp_path / "a.png", dot(0, 255))
    monkeypatch.setattr(picture_files, "_MOST_PIXELS", 8)
    assert "3 x 3 pixels are too many" in refusal(path)
    large = picture(tmp_path / "a.jpg", numpy.zeros((96, 96)))
    monkeypatch.setattr(picture_files, "_MOST_PIXELS", 200)
    assert read_picture(large, GREY).sample.max() == 0  # decoded at an eighth of its size
