"""Arrays as pixels: maps of numbers, and grids of them. uint8 (h, w, 3 or 4) comes out.

Samples become pixels in `xpcnn.data.drawn`.

Maps are drawn in orange above 0 and in blue below, the more opaque the larger; 0 is transparent, so
that they look alike on white and on dark pages.
"""

import numpy

from xpcnn.data.drawn import shrunk

ORANGE, BLUE = (217, 115, 13), (47, 129, 247)
GROUND = (128, 128, 128, 36)
LEVELS = 31  # of opacity; few compress well


def signed(values: numpy.ndarray) -> numpy.ndarray:
    """Return a map (h, w) as RGBA, its largest value opaque."""
    most = float(numpy.abs(values).max())
    share = numpy.clip(numpy.abs(values) / (most or 1.0), 0.0, 1.0)
    pixels = numpy.empty((*values.shape, 4), numpy.uint8)
    pixels[..., :3] = numpy.where((values < 0)[..., None], BLUE, ORANGE)
    pixels[..., 3] = numpy.rint(255 / LEVELS * numpy.rint(LEVELS * share))
    return pixels


def on_ground(pixels: numpy.ndarray) -> numpy.ndarray:
    """Return a map as RGBA whose clear parts are a faint grey, so that its border is seen."""
    clear = pixels[..., 3:] < GROUND[3]
    return numpy.where(clear, numpy.asarray(GROUND, numpy.uint8), pixels)


def grid(tiles: numpy.ndarray, columns: int, line: int = 0) -> numpy.ndarray:
    """Return tiles (k, h, w, c) beside and below each other; line: the value between them."""
    k, h, w, c = tiles.shape
    rows = -(-k // columns)
    pixels = numpy.full((rows * (h + 1) - 1, columns * (w + 1) - 1, c), line, numpy.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // columns * (h + 1), i % columns * (w + 1)
        pixels[top : top + h, left : left + w] = tile
    return pixels


def maps(values: numpy.ndarray, columns: int = 8, most: int = 16, side: int = 32) -> numpy.ndarray:
    """Return the first maps (k, h, w) in a grid, each drawn up to its own largest value.

    most: maps that are drawn; side: pixels of a side of each, at most.
    """
    tiles = [on_ground(signed(shrunk(numpy.nan_to_num(x), side))) for x in values[:most]]
    return grid(numpy.stack(tiles), min(columns, len(tiles)))


def heated(sample: numpy.ndarray, heat: numpy.ndarray) -> numpy.ndarray:
    """Return a picture RGB (h, w, 3), faded to grey, under a map (h, w) of numbers >= 0."""
    share = signed(shrunk(heat))[..., 3:] / 255.0
    grey = 0.6 * sample.mean(axis=-1, keepdims=True)
    mixed = grey * (1.0 - share) + numpy.asarray(ORANGE) * share
    return numpy.asarray(numpy.rint(mixed), dtype=numpy.uint8)
