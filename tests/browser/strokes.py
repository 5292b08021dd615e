"""Take a digit apart into the strokes of a pen, so that a test can draw it again.

The picture is thinned to lines of one pixel (Zhang and Suen, "A fast parallel algorithm for
thinning digital patterns", 1984), and the lines are followed.
"""

import numpy as np

Point = tuple[int, int]  # row, column

_AROUND = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]  # clockwise


def strokes_of(image: np.ndarray) -> list[list[Point]]:
    """Return the lines of a picture (h, w) of bright ink on a dark ground, as lists of pixels."""
    left = {(int(r), int(c)) for r, c in np.argwhere(thinned(image > image.max() / 2))}
    all_pixels, strokes = set(left), []
    while left:
        ends = [p for p in left if len(_next_to(p, left)) == 1]
        stroke = [min(ends or left)]
        left.remove(stroke[0])
        while near := _next_to(stroke[-1], left):
            stroke.append(min(near, key=lambda p: _bend(stroke, p)))
            left.remove(stroke[-1])
        for end, place in ((stroke[0], 0), (stroke[-1], len(stroke))):
            touched = _next_to(end, all_pixels - left - set(stroke[-3:]) - set(stroke[:3]))
            if touched:  # a line that was followed before, or this one's beginning
                stroke.insert(place, touched[0])
        strokes.append(stroke)
    return strokes


def thinned(ink: np.ndarray) -> np.ndarray:
    """Return the lines, one pixel wide, in the middle of what is True of (h, w)."""
    x = np.pad(ink, 1)
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            p = np.stack([np.roll(x, (-r, -c), (0, 1)) for r, c in _AROUND])  # (8, h, w)
            count = p.sum(axis=0)
            turns = (~p & np.roll(p, -1, axis=0)).sum(axis=0)
            n, e, s, w = p[0], p[2], p[4], p[6]
            edge = ~(n & e & s) & ~(e & s & w) if first else ~(n & e & w) & ~(n & s & w)
            gone = x & (count >= 2) & (count <= 6) & (turns == 1) & edge
            changed |= bool(gone.any())
            x = x & ~gone
    return np.asarray(x[1:-1, 1:-1])


def _next_to(point: Point, others: set[Point]) -> list[Point]:
    near = [(point[0] + r, point[1] + c) for r, c in _AROUND]
    return [p for p in near if p in others]


def _bend(stroke: list[Point], p: Point) -> float:
    """Return how much a stroke turns if it goes on to `p`: 0 straight on."""
    if len(stroke) < 2:
        return 0.0
    (r0, c0), (r1, c1) = stroke[-min(len(stroke), 4)], stroke[-1]
    before, after = (r1 - r0, c1 - c0), (p[0] - r1, p[1] - c1)
    length = float(np.hypot(*before) * np.hypot(*after)) or 1.0
    return 1.0 - (before[0] * after[0] + before[1] * after[1]) / length
