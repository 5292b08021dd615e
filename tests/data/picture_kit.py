"""Small pictures on disk, for tests of what becomes of them."""

from pathlib import Path
from typing import Any

import numpy


def picture(path: Path, pixels: Any, dtype: Any = numpy.uint8, **options: Any) -> Path:
    """Write pixels (h, w), (h, w, 3) or (h, w, 4) to a picture file; return its path."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(numpy.asarray(pixels).astype(dtype)).save(path, **options)
    return path


def dot(outside: int, inside: int) -> list[list[int]]:
    """Return 3x3 pixels with another value in the middle."""
    rows = [[outside] * 3 for _ in range(3)]
    rows[1][1] = inside
    return rows
