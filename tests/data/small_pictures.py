"""Small pictures on disk, for tests of what becomes of them."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn


def picture(path: Path, pixels: Any, dtype: Any = numpy.uint8, **options: Any) -> Path:
    """Write pixels (h, w), (h, w, 3) or (h, w, 4) to a picture file; return its path."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(numpy.asarray(pixels).astype(dtype)).save(path, **options)
    return path


def dot(outside: int, inside: int) -> list[list[int]]:
    """Return 3x3 pixels with another value in the middle."""
    rows = [[outside] * 3 for _ in range(3)]
    rows[1][1] = inside
    return rows


def png(path: Path, side: int, pixel: bytes = b"", depth: int = 1, colour: int = 0) -> Path:
    """Write a square of equal pixels as a PNG that Pillow would not write; white bits by default.

    depth: bits a value; colour: 0 grey, 2 RGB, 4 grey with opacity, 6 RGBA.
    """

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = chunk(b"IHDR", struct.pack(">2I5B", side, side, depth, colour, 0, 0, 0))
    row = pixel * side if pixel else b"\xff" * ((side + 7) // 8)
    rows = chunk(b"IDAT", zlib.compress((b"\0" + row) * side))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + rows + chunk(b"IEND", b""))
    return path


def ink_on_paper(folder: Path, count: int) -> list[str]:
    """Write the first test digits as dark ink on white, six times as large."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    _, test = xpcnn.data.load("digits")
    paths = []
    for i in range(count):
        level = 255 - (test.images[i, 0].astype(float) * 255 / 16).round().astype(numpy.uint8)
        paths.append(str(folder / f"{i}.png"))
        image.fromarray(level.repeat(6, axis=0).repeat(6, axis=1)).save(paths[-1])
    return paths
