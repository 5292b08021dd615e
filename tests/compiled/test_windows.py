"""The tables by which conv.c finds what each tap of a filter sees."""

from importlib import import_module
from itertools import product
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiled.support import PACKAGE
from tests.ops import oracle

direct: Any = import_module(f"{PACKAGE}.direct")
Patches: Any = import_module("xpcnn.backends.numpy_kernels.patches").Patches

FIELDS = (
    "n c f groups h w sh sw planes across top left tall wide channel in_bands down right "
    "taps rows columns up over ph pw phases"
)


class Phase(NamedTuple):
    row: int
    column: int
    rows: int
    columns: int
    first: int
    end: int
    inner: int
    outer: int


class Tap(NamedTuple):
    weight: int
    row: int
    column: int
    at: int


class Table:
    """The fields of `Table` in conv.c."""

    def __init__(self, fields: Any) -> None:
        names = FIELDS.split()
        self.of = dict(zip(names, fields.tolist(), strict=False))
        left = fields[len(names) :]
        phases = left[: 8 * self.of["phases"]].reshape(-1, 8)
        self.phases = [Phase(*row) for row in phases.tolist()]
        self.taps = [Tap(*row) for row in left[phases.size :].reshape(-1, 4).tolist()]

    def pixel(self, at: int) -> tuple[int, int]:
        """Return row and column of the image of a pixel of the planes."""
        of = self.of
        plane, rest = divmod(at, of["tall"] * of["wide"])
        row, column = divmod(rest, of["wide"])
        p, q = divmod(plane, of["across"])
        if of["planes"] == 0:
            return row, column
        return row * of["sh"] + p - of["top"], column * of["sw"] + q - of["left"]

    def walk(self) -> set[tuple[int, ...]]:
        """Return (row, column, tap, row and column below) of every tap that sees the image."""
        of, found = self.of, set[tuple[int, ...]]()
        for s in self.phases:
            for p, q in product(range(s.rows), range(s.columns)):
                begin = s.inner if s.inner <= q < s.outer else q  # of the segment
                row, column = p * of["down"], begin * of["right"]
                for t in self.taps[s.first : s.end]:
                    on_plane = 0 <= row + t.row < of["tall"] and 0 <= column + t.column < of["wide"]
                    assert on_plane or not of["in_bands"]
                    y, x = self.pixel(row * of["wide"] + column + t.at + (q - begin) * of["right"])
                    if on_plane and 0 <= y < of["h"] and 0 <= x < of["w"]:
                        place = s.row + p * of["up"], s.column + q * of["over"]
                        found.add((*place, t.weight, y, x))
        return found


def forward(p: Any, bands: bool, in_planes: bool) -> Table:
    return Table(direct._forward(1, 1, 1, 1, p, (1, 1), bands, in_planes))


def test_columns_between_the_borders_are_one_segment() -> None:
    table = forward(Patches((4, 6), (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1))), False, False)
    assert table.phases == [Phase(0, 0, 4, 6, 0, 9, 1, 5)]
    assert table.taps[:4] == [
        Tap(0, -1, -1, -7),
        Tap(1, -1, 0, -6),
        Tap(2, -1, 1, -5),
        Tap(3, 0, -1, -1),
    ]
    assert (table.of["planes"], table.of["tall"], table.of["wide"]) == (0, 4, 6)


def test_with_a_stride_pixels_of_a_segment_lie_apart() -> None:
    table = forward(Patches((4, 8), (3, 3), (2, 2), (1, 1), ((1, 1), (1, 1))), False, False)
    assert table.phases == [Phase(0, 0, 2, 4, 0, 9, 1, 4)]
    assert (table.of["planes"], table.of["right"]) == (0, 2)


def test_a_stride_of_2_makes_4_planes() -> None:
    table = forward(Patches((5, 5), (3, 3), (2, 2), (1, 1), ((1, 1), (1, 1))), True, True)
    assert table.phases == [Phase(0, 0, 3, 3, 0, 9, 0, 3)]
    assert (table.of["planes"], table.of["tall"], table.of["wide"]) == (4, 4, 4)
    assert table.taps[:4] == [Tap(0, 0, 0, 0), Tap(1, 0, 0, 16), Tap(2, 0, 1, 1), Tap(3, 0, 0, 32)]


def test_an_image_without_padding_is_read_as_it_is() -> None:
    p = Patches((5, 4), (3, 2), (1, 1), (1, 1), ((0, 0), (0, 0)))
    assert [forward(p, True, True).of["planes"], forward(p, False, False).of["planes"]] == [0, 0]
    wider = p._replace(sides=((0, 0), (0, 1)))
    assert [forward(wider, True, True).of["planes"], forward(wider, False, False).of["planes"]] == [
        1,
        0,
    ]


def axis(draw: st.DrawFn) -> tuple[int, int, int, int, tuple[int, int]]:
    taps, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    stride, before, after = (draw(st.integers(a, b)) for a, b in ((1, 4), (0, 7), (0, 7)))
    least = max(1, dilation * (taps - 1) + 1 - before - after)
    return draw(st.integers(least, least + 8)), taps, stride, dilation, (before, after)


@st.composite
def patches(draw: st.DrawFn) -> Any:
    return Patches(*zip(axis(draw), axis(draw), strict=True))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(patches())
def test_walks_over_the_tables_are_those_of_plain_loops(p: Any) -> None:
    (h, w), grid = p.image, oracle.windows(p.image, p.size, p.stride, p.dilation, p.sides)
    expected = {
        (row, column, i * p.size[1] + j, y, x)
        for row, line in enumerate(grid)
        for column, taps in enumerate(line)
        for y, x, i, j in taps
        if 0 <= y < h and 0 <= x < w
    }
    for bands, in_planes in ((False, False), (False, True), (True, True)):
        assert forward(p, bands, in_planes).walk() == expected
    turned = {(y, x, tap, row, column) for row, column, tap, y, x in expected}
    for bands in (False, True):
        assert Table(direct._backward(1, 1, 1, 1, p, bands)).walk() == turned
