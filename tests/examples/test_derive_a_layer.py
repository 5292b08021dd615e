"""The page that derives a layer: its code runs, its numbers, pictures and quotations are right."""

import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.pages import ROOT, blocks
from xpcnn.ops.reference import conv
from xpcnn.testing import GradientError

GUIDE = ROOT / "examples" / "guides" / "derive_a_layer.md"
SCRIPT = GUIDE.with_suffix(".py")
TEXT = GUIDE.read_text(encoding="utf-8")
CODE = {block.name: block.text for block in blocks(TEXT)}
IN_ORDER = (
    *("example", "forward", "backward", "turned"),
    *("matrices", "difference", "check", "mistake"),
)
QUOTED = ("reference", "reference pullback", "im2col", "col2im")


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page's code has defined after its last line, which has to fail as the page says."""
    found: dict[str, Any] = {"__name__": "derive_a_layer"}
    *right, mistake = (CODE[name] for name in IN_ORDER)
    for code in right:
        exec(compile(code, GUIDE.name, "exec"), found)
    with pytest.raises(GradientError) as raised:
        exec(compile(mistake, GUIDE.name, "exec"), found)
    name = f"{GradientError.__module__}.{GradientError.__name__}"
    first, *_, last = f"{name}: {raised.value}".splitlines()
    assert CODE["message"].strip().splitlines() == [first, "...", last]
    return found


def test_every_block_is_run_or_quoted() -> None:
    assert {*CODE} == {*IN_ORDER, *QUOTED, "message"}
    assert [name for name in CODE if name in IN_ORDER] == [*IN_ORDER]


def test_numbers_in_the_text_are_those_of_the_code(names: dict[str, Any]) -> None:
    y, dx, dw, (db,) = names["y"][0, 0], names["dx"][0, 0], names["dw"][0, 0], names["db"]
    sums = re.findall(r"(\w+)(?:\[(\d),(\d)\])? *(?:= sum .*?)?= ([^=\n]*·[^=\n]*) = (-?\d+)", TEXT)
    assert [name for name, *_ in sums] == ["y", "dw", "dx"]
    for name, i, j, terms, total in sums:
        assert {"y": y, "dw": dw, "dx": dx}[name][int(i), int(j)] == int(total)
        assert eval(terms.replace("·", "*")) == int(total)
    assert re.search(r"= 1 - 1 \+ 2 - 2 \+ 1 \+ 1 = 2\n", TEXT)
    assert db == 2
    assert f"dy = {names['dy'].astype(int).tolist()}" in TEXT
    assert f"print(y[0, 0])  # {y.astype(int).tolist()}" in TEXT


@pytest.mark.parametrize("name", QUOTED)
def test_quoted_lines_are_the_references(name: str) -> None:
    source = [line.strip() for line in inspect.getsource(conv).splitlines()]
    quoted = [line.strip() for line in CODE[name].splitlines()]
    start = source.index(quoted[0])
    assert source[start : start + len(quoted)] == quoted


def test_pictures_are_those_that_the_script_draws(tmp_path: Path) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(tmp_path)])
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert {f"../pictures/{name}" for name in drawn} == {*re.findall(r"\]\((\S+\.svg)\)", TEXT)}
    for name, picture in drawn.items():
        committed = ROOT / "examples" / "pictures" / name
        assert committed.read_text(encoding="utf-8") == picture, name


def test_pictures_show_the_numbers_of_the_page(names: dict[str, Any]) -> None:
    script = runpy.run_path(str(SCRIPT))
    for name in ("x", "w", "dy"):
        numpy.testing.assert_array_equal(script[name.upper()], names[name])
    for name in ("y", "dw", "dx"):
        draw = script["PICTURES"][{"y": "window"}.get(name, name)]
        last = re.findall(r">(−?\d+)</text>", draw())[-names[name].size :]
        assert [int(number.replace("−", "-")) for number in last] == names[name].ravel().tolist()
