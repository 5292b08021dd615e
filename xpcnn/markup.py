"""Pieces of pages: pictures as PNG inside the page, small curves, plain text.

Only the standard library and NumPy."""

import base64
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from html import escape

import numpy

_COLOURS = ("#2f81f7", "#d9730d")  # on white and dark pages
_LEFT, _TOP, _WIDTH, _HEIGHT = 48, 12, 360, 100  # of curves: margins, right end, height


def png(pixels: numpy.ndarray) -> bytes:
    """Return a PNG file of pixels, uint8: (h, w) grey, (h, w, 3) RGB, or (h, w, 4) with alpha."""
    h, w, *channels = pixels.shape
    colour_type = {(): 0, (3,): 2, (4,): 6}[tuple(channels)]
    rows = numpy.ascontiguousarray(pixels).reshape(h, -1)
    unfiltered = numpy.hstack([numpy.zeros((h, 1), numpy.uint8), rows])  # filter 0 in each row
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">II5B", w, h, 8, colour_type, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(unfiltered.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def png_address(pixels: numpy.ndarray) -> str:
    """Return the address of a picture that lies inside the page: `data:image/png;base64,...`."""
    return f"data:image/png;base64,{base64.b64encode(png(pixels)).decode()}"


def curves(lines: Mapping[str, Sequence[float | None]], label: str) -> str:
    """Return a small SVG of lines over 1, 2, ..., legible on white and on dark pages.

    The lines are named below, with their last value.

    lines: values by the name of each line, at most two; None and what is not finite is not drawn.
    label: what a screen reader says.
    """
    points = {
        name: [(i, y) for i, y in enumerate(ys) if y is not None and math.isfinite(y)]
        for name, ys in lines.items()
    }
    values = [y for line in points.values() for _, y in line]
    low, high = min(values, default=0.0), max(values, default=1.0)
    last = max(1, *(len(ys) - 1 for ys in lines.values()))

    def at(i: int, y: float) -> str:
        above = (y - low) / (high - low) if high > low else 0.5
        return f"{_LEFT + (_WIDTH - _LEFT) * i / last:.1f},{_TOP + _HEIGHT * (1.0 - above):.1f}"

    parts = [
        f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:.3g}</text>'
        f'<path d="M{_LEFT} {y}H{_WIDTH}" stroke="currentColor" stroke-opacity="0.25"/>'
        for value, y in ((high, _TOP), (low, _TOP + _HEIGHT))
    ]
    for (name, line), colour, x in zip(
        points.items(), _COLOURS, (_LEFT, _WIDTH // 2), strict=False
    ):
        drawn = " ".join(at(i, y) for i, y in line)
        look = f'fill="none" stroke="{colour}" stroke-width="2" stroke-linecap="round"'
        parts.append(f'<polyline points="{drawn} {drawn.rpartition(" ")[2]}" {look}/>')
        value = f" {line[-1][1]:.4g}" if line else ""
        parts.append(
            f'<text x="{x}" y="{_TOP + _HEIGHT + 20}" fill="{colour}">{escape(name)}{value}</text>'
        )
    size = f'viewBox="0 0 {_WIDTH + 6} {_TOP + _HEIGHT + 28}" width="{_WIDTH + 6}"'
    style = 'style="max-width:100%;height:auto;font:11px sans-serif" fill="currentColor"'
    return f'<svg {size} {style} role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


class ShownAsText:
    """What a notebook shows as `print` does: subclasses have a `__str__` for people."""

    def _repr_html_(self) -> str:
        return f'<pre style="white-space:pre-wrap">{escape(str(self))}</pre>'


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file: length, kind, data, checksum of kind and data."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
