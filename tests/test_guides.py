"""On all pages, links and flags exist; the guides name every kernel, command and preset.

The examples with which guides open run in `tests/long`.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

import xpcnn
from tests.pages import (
    GUIDES,
    PAGES,
    ROOT,
    block,
    blocks,
    broken_links,
)
from tests.pages import commands as words_of
from xpcnn.cli.command_group import COMMANDS, cli

OF_OTHER_PROGRAMS = {
    *("--quiet", "--check", "--no-compile", "--no-kernels", "--lib"),
    *("--nodes", "--ntasks-per-node", "--cpus-per-task", "--time", "--mpi"),
    *("--requeue", "--open-mode", "--kill-on-bad-exit"),
    *("--nproc-per-node", "--nnodes", "--node-rank", "--master-addr", "--master-port"),
}
"""Flags of pip, ruff and our pytest; of Slurm and torchrun."""


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def guide(name: str) -> str:
    return read(ROOT / "examples" / "guides" / name)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_a_guide_opens_with_an_example(page: Path) -> None:
    first = blocks(read(page))[0].name
    assert first == "example" or "." in first, "<!-- example --> before a block"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, read(page)) == []


def test_a_broken_link_is_seen() -> None:
    page = ROOT / "README.md"
    text = "# Here\n[a](nowhere.md) [b](#here) [c](#there) [d](CONTRIBUTING.md#habits)"
    assert broken_links(page, text) == ["nowhere.md", "#there"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_exists(page: Path) -> None:
    assert unknown_flags(read(page)) == []


def test_an_unknown_flag_is_seen() -> None:
    text = "`--epoch`, `xpcnn info --epochs 3`\n```sh\nxpcnn train --epochs 1 --rows 0:1\n```\n"
    assert unknown_flags(text) == ["--epoch", "info --epochs", "train --rows"]


def unknown_flags(text: str) -> list[str]:
    """Return the long flags that no command has, and those that the command beside them has not."""
    flags = flags_of_commands()
    known = set().union(*flags.values(), flags_of_scripts(), OF_OTHER_PROGRAMS)
    found = [flag for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", text) if flag not in known]
    for command, given in uses(text):
        found += [f"{command} {flag}" for flag in given if flag not in flags[command]]
    return sorted({*found})


def uses(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the command and the flags of every `xpcnn COMMAND ...` in code."""
    lines = [words for b in blocks(text) if b.language == "sh" for words in words_of(b.text)]
    lines += [shlex.split(code) for code in re.findall(r"`(xpcnn \w[^`]*)`", text)]
    for words in lines:
        names = [i for i, word in enumerate(words[:-1]) if Path(word).name == "xpcnn"]
        for i in names:
            if words[i + 1] in COMMANDS:
                yield words[i + 1], [word for word in words[i + 2 :] if word.startswith("--")]


def flags_of_commands() -> Mapping[str, set[str]]:
    """Return the long flags of every command of `xpcnn`."""
    context = click.Context(cli)
    return {
        name: {"--help"} | {flag for param in command.params for flag in param.opts}
        for name in COMMANDS
        if (command := cli.get_command(context, name)) is not None
    }


def flags_of_scripts() -> set[str]:
    """Return the long flags of the programs in `tests`, `examples` and `xpcnn/benchmark`."""
    programs = ROOT / "xpcnn" / "benchmark"
    files = [
        *(ROOT / "tests").rglob("*.py"),
        *(ROOT / "examples").glob("*.py"),
        *programs.glob("*.py"),
    ]
    return {
        flag for file in files for flag in re.findall(r'add_argument\(\s*"(--[\w-]+)"', read(file))
    }


def test_every_preset_and_data_set_is_named() -> None:
    for name in (*xpcnn.models.names(), *xpcnn.data.NAMES):
        assert f"`{name}`" in guide("command-line.md"), name


def test_every_command_has_a_line() -> None:
    """In the README and in the guide."""
    for page in (read(ROOT / "README.md"), guide("command-line.md")):
        assert {command for command, _ in uses(page)} == {*COMMANDS}


def kernels() -> Mapping[str, Mapping[str, Any]]:
    """Return the tables of kernels by the heading of their column."""
    of_numpy = import_module("xpcnn.backends.numpy_kernels").KERNELS
    compiled = import_module("xpcnn.backends.numpy_kernels.compiled").KERNELS
    return {
        "NumPy calls": {k: f for k, f in of_numpy.items() if ".compiled." not in f.__module__},
        "C": compiled,
        "CUDA": import_module("xpcnn.backends.cupy_kernels").KERNELS,
    }


def test_the_table_of_kernels_is_that_of_the_backends() -> None:
    """A cell links to the file of its kernel, and is "-" where there is none."""
    text = guide("where-computed.md")
    assert "<!-- kernels -->" in text
    head, _, *rows = re.findall(r"^\|(.*)\|$", text.partition("<!-- kernels -->")[2], re.MULTILINE)
    tables = kernels()
    for column, table in zip(head.split("|")[2:], tables.values(), strict=True):
        assert column.strip().split(",")[0] in tables
        assert {*table} <= {name_in(row) for row in rows}, "a kernel without a row"
    for row in rows:
        name, cells = name_in(row), row.split("|")[2:]
        for cell, (column, table) in zip(cells, tables.items(), strict=True):
            if name not in table:
                assert cell.strip() == "-", (name, column)
                continue
            file = table[name].__module__.removeprefix("xpcnn.").replace(".", "/") + ".py"
            assert f"/{file})" in cell, (name, column)


def test_functions_of_cuda_files_are_there() -> None:
    cells = re.findall(r"kernels/(\w+\.cu)\): ([^;|]*)", guide("where-computed.md"))
    assert len(cells) > 10
    for file, names in cells:
        source = read(ROOT / "backends" / "kernels" / file)
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"__global__ void {name}\(", source), (file, name)


def name_in(row: str) -> str:
    match = re.search(r"`(\w+)`", row)
    assert match is not None
    return match[1]


def test_blocks_have_names() -> None:
    text = "<!-- a.toml -->\n```toml\nx = 1\n```\n\n```sh\nxpcnn info\n```\n"
    assert blocks(text) == [("a.toml", "toml", "x = 1\n"), ("", "sh", "xpcnn info\n")]
    assert block(text, "a.toml") == "x = 1\n"
