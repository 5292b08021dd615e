"""The tables by which the kernels in C walk over windows."""

from importlib import import_module
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiled.support import PACKAGE
from tests.ops import oracle

tables: Any = import_module(f"{PACKAGE}.tap_tables")
Patches: Any = import_module("xpcnn.backends.numpy_kernels.patches").Patches

# (size, taps, stride, dilation, before, out) of an axis; for each pixel its (tap, pixel under it)


def seen(found: Any) -> list[list[tuple[int, int]]]:
    lies, at = found
    return [
        [(t, int(at[o, t])) for t in range(lies.shape[1]) if lies[o, t]] for o in range(len(lies))
    ]


def test_an_image_of_4_under_3_taps_with_1_of_padding() -> None:
    axis = tables._Axis(4, 3, 1, 1, 1, 4)
    inner = [[(0, 0), (1, 1), (2, 2)], [(0, 1), (1, 2), (2, 3)]]
    assert seen(tables._on_image(axis)) == [[(1, 0), (2, 1)], *inner, [(0, 2), (1, 3)]]
    inner = [[(0, 2), (1, 1), (2, 0)], [(0, 3), (1, 2), (2, 1)]]
    assert seen(tables._on_output(axis)) == [[(0, 1), (1, 0)], *inner, [(1, 3), (2, 2)]]


def test_an_image_of_5_under_3_taps_with_1_of_padding_and_stride_2() -> None:
    on_image = seen(tables._on_image(tables._Axis(5, 3, 2, 1, 1, 3)))
    assert on_image == [[(1, 0), (2, 1)], [(0, 1), (1, 2), (2, 3)], [(0, 3), (1, 4)]]
    on_output = seen(tables._on_output(tables._Axis(3, 3, 2, 1, 1, 5)))
    assert on_output == [[(1, 0)], [(0, 1), (2, 0)], [(1, 1)], [(0, 2), (2, 1)], [(1, 2)]]


def test_an_image_of_4_under_2_taps_with_dilation_2() -> None:
    on_image = seen(tables._on_image(tables._Axis(4, 2, 1, 2, 0, 2)))
    assert on_image == [[(0, 0), (1, 2)], [(0, 1), (1, 3)]]
    on_output = seen(tables._on_output(tables._Axis(2, 2, 1, 2, 0, 4)))
    assert on_output == [[(0, 0)], [(0, 1)], [(1, 0)], [(1, 1)]]


def test_columns_between_the_borders_are_one_segment() -> None:
    w = tables.over_image(2, Patches((4, 6), (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))).base.obj
    assert (w.c, w.h, w.w, w.kh, w.kw, w.rows, w.columns) == (2, 4, 6, 3, 3, 4, 6)
    assert (w.segments, w.from_[:3], w.to[:3]) == (3, [0, 1, 5], [1, 5, 6])
    assert (w.segment_first[:4], w.segment_tap[:7]) == ([0, 2, 5, 7], [1, 2, 0, 1, 2, 0, 1])
    assert w.segment_at[:7] == [0, 1, 0, 1, 2, 4, 5]  # on the first column of each segment


Walk = set[tuple[int, ...]]


def walked(w: Any) -> Walk:
    """Return (row, column, i, j, row and column below) of every tap, as conv.c finds them."""
    return {
        (
            p,
            w.place[q] if w.place else q,
            w.row_tap[i],
            w.segment_tap[j],
            w.row_at[i],
            w.segment_at[j] + q - w.from_[r],
        )
        for p in range(w.rows)
        for r in range(w.segments)
        for q in range(w.from_[r], w.to[r])
        for i in range(w.row_first[p], w.row_first[p + 1])
        for j in range(w.segment_first[r], w.segment_first[r + 1])
    }


@st.composite
def patches(draw: st.DrawFn) -> Any:
    def axis() -> tuple[int, int, int, int, tuple[int, int]]:
        taps, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        stride, before, after = (draw(st.integers(a, b)) for a, b in ((1, 4), (0, 7), (0, 7)))
        least = max(1, dilation * (taps - 1) + 1 - before - after)
        return draw(st.integers(least, least + 8)), taps, stride, dilation, (before, after)

    return Patches(*zip(axis(), axis(), strict=True))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(patches())
def test_walks_over_the_tables_are_those_of_plain_loops(p: Any) -> None:
    (h, w), grid = p.image, oracle.windows(p.image, p.size, p.stride, p.dilation, p.sides)
    expected = {
        (row, column, i, j, y, x)
        for row, line in enumerate(grid)
        for column, taps in enumerate(line)
        for y, x, i, j in taps
        if 0 <= y < h and 0 <= x < w
    }
    assert walked(tables.over_image(1, p).base.obj) == expected
    turned = {(y, x, i, j, row, column) for row, column, i, j, y, x in expected}
    assert walked(tables.over_output(1, p).base.obj) == turned
