"""The tables of the guide to benchmarks are those that the benchmark writes."""

import re
from pathlib import Path

import pytest

from tests.bench.augment_sides import CASES
from tests.bench.augmentation import BATCHES as AUGMENTED
from tests.bench.augmentation import HEAD as AUGMENTATION_HEAD
from tests.bench.engines import BATCHES as ENGINES_BATCHES
from tests.bench.engines import HEAD as ENGINES_HEAD
from tests.bench.page import (
    FEW,
    FEW_HEAD,
    SECTIONS,
    START,
    START_HEAD,
    STEPS_HEAD,
    cells,
    filled,
    parse,
)
from tests.bench.projects import HEAD as PROJECTS_HEAD
from tests.bench.projects import PROJECTS
from tests.pages import ROOT
from xpcnn.benchmark.growth import AXES, HEAD, THREADS_HEAD
from xpcnn.cli.commands.bench import BATCHES, MODELS

GUIDE = (ROOT / "examples" / "guides" / "benchmarks.md").read_text(encoding="utf-8")


def tables(section: str) -> list[list[list[str]]]:
    """Return the tables of a section as rows of cells, without the line under the head."""
    match = re.search(rf"<!-- bench: {section} -->\n(.*?)<!-- end -->", GUIDE, re.DOTALL)
    assert match is not None, section
    lines = [re.findall(r"^\|.*$", part, re.MULTILINE) for part in match[1].split("\n\n")]
    return [[row.strip("| ").split(" | ") for row in t[:1] + t[2:]] for t in lines if t]


def first(table: list[list[str]], columns: int = 1) -> list[tuple[str, ...]]:
    return [tuple(row[:columns]) for row in table[1:]]


def test_steps() -> None:
    (table,) = tables("steps")
    assert table[0] == list(STEPS_HEAD)
    assert first(table, 2) == [(f"`{m}`", str(batch)) for m in MODELS for batch in BATCHES]


def test_few() -> None:
    (table,) = tables("few")
    assert table[0] == list(FEW_HEAD)
    assert first(table, 2) == [(f"`{m}`", str(images)) for m in MODELS for images in FEW]


def test_engines() -> None:
    (table,) = tables("engines")
    assert table[0] == list(ENGINES_HEAD)
    assert first(table, 2) == [(f"`{m}`", str(batch)) for m in MODELS for batch in ENGINES_BATCHES]


def test_augmentation() -> None:
    (table,) = tables("augmentation")
    assert table[0] == list(AUGMENTATION_HEAD)
    assert first(table, 2) == [(name, str(batch)) for name in CASES for batch in AUGMENTED]


def test_start() -> None:
    (table,) = tables("start")
    assert table[0] == list(START_HEAD)
    assert first(table) == [(text,) for text in START.values()]


def test_projects() -> None:
    (table,) = tables("projects")
    assert table[0] == list(PROJECTS_HEAD)
    assert first(table, 2) == [(f"`{p.model}`", p.way) for p in PROJECTS]


def test_growth() -> None:
    *grown, threads = tables("growth")
    for (axis, values), table in zip(AXES.items(), grown, strict=True):
        assert table[0] == [axis, *HEAD]
        assert first(table) == [(str(value),) for value in values]
    assert threads[0] == ["threads", *THREADS_HEAD]


def test_a_section_is_replaced() -> None:
    text = "a\n<!-- bench: growth -->\nold\nlines\n<!-- end -->\nb\n<!-- end -->\n"
    new = "a\n<!-- bench: growth -->\n\nnew\n\n<!-- end -->\nb\n<!-- end -->\n"
    assert filled(text, "growth", ["new"]) == new
    assert re.findall(r"<!-- bench: (\w+) -->", GUIDE) == list(SECTIONS)


def test_file_and_sections_are_checked_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- bench: growth -->\n<!-- end -->\n")
    assert parse([str(page), "growth"]) == (page, ["growth"])
    for arguments, text in (
        ([str(tmp_path / "none.md")], "none.md"),
        (
            [str(page), "grow"],
            "there is no section 'grow': one of steps, few, engines, ",
        ),
        ([str(page), "growth", "start"], "page.md has no lines that mark a section 'start'"),
        ([str(page)], "page.md has no lines that mark a section 'steps'"),
        (["--help"], None),
    ):
        with pytest.raises(SystemExit) as ended:
            parse(arguments)
        assert ended.value.code == (0 if text is None else 2)
        assert (text or "SECTION") in "".join(capsys.readouterr())


def test_cells_of_a_network() -> None:
    """A ratio stands with its interval, and with a word where the machine never settled."""
    training = {
        "model": "tiny",
        "batch": 64,
        "xpcnn_ms": 2.5,
        "ratio": 1.25,
        "ratio_low": 1.125,
        "ratio_high": 1.5,
        "settled": True,
        "ceiling": 9.0,
        "images_per_second": 25600.0,
        "xpcnn_peak_mb": 50.4,
        "torch_peak_mb": 330.0,
    }
    inference = training | {"settled": False, "xpcnn_ms": 0.5}
    assert " | ".join(cells(training, inference)) == (
        "`tiny` | 64 | 2.50 | 1.25 (1.12 to 1.50) | 9.00 "
        "| 0.50 | 1.25 (1.12 to 1.50, unsettled) | 9.00 | 25,600 | 50 | 330"
    )
