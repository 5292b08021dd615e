"""Pieces of pages: pictures as PNG inside the page. Only the standard library and NumPy."""

import base64
import struct
import zlib

import numpy


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


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file: length, kind, data, checksum of kind and data."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
