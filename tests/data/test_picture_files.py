"""Opening picture files that are not trusted: what is refused, and what it costs."""

import os
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import numpy
import pytest

from tests.data.small_pictures import dot, picture, png
from xpcnn.data import picture_files
from xpcnn.data.picture_sets import read_set
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


HEIF_START = b"\0\0\0\x18ftypheic"


def heic(path: Path) -> Path:
    """Write what begins as a HEIC file, with a PNG file in it."""
    inside = picture(path.with_suffix(".png"), dot(0, 255))
    path.write_bytes(HEIF_START + inside.read_bytes())
    return path


def test_heic_is_read_by_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL.PngImagePlugin import PngImageFile

    def inner(file: BinaryIO, _: str) -> PngImageFile:
        return PngImageFile(BytesIO(file.read()[len(HEIF_START) :]))

    package = ModuleType("pillow_heif")
    opener = inner, lambda start: start.startswith(HEIF_START)
    package.__dict__["register_heif_opener"] = lambda: monkeypatch.setitem(
        Image.OPEN, "HEIF", opener
    )
    monkeypatch.setitem(sys.modules, "pillow_heif", package)
    path = heic(tmp_path / "a.HEIC")
    assert read_picture(path, GREY).sample[0].tolist() == dot(0, 255)
    content = picture_files.InMemory("it", path.read_bytes())
    assert read_picture(content, GREY).sample[0].tolist() == dot(0, 255)


def test_heic_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = heic(tmp_path / "a.heic")
    needs = "reading HEIC pictures needs pillow-heif, which is not installed"
    advice = "Try: pip install 'xpcnn[heic]', or JPEG files"
    assert refusal(path) == f"{path}: {needs}\n{advice}"
    with pytest.raises(DataError, match=r"Try: pip install 'xpcnn\[heic\]', or JPEG files; or "):
        read_set([path, path])
    other = path.rename(tmp_path / "a.jpg")
    message = f"{other}: is a HEIC picture under another name"
    assert refusal(other) == f"{message}\nTry: a name that ends in .heic"


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
