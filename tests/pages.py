"""Read README.md, CONTRIBUTING.md and the guides: code blocks with names, links; run the blocks.

The comment before a block, `<!-- NAME -->`, names it. A name with a dot names a file that commands
on the page read. `example` marks a block that has to run as it stands.
"""

import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from xpcnn.cli import main

ROOT = Path(__file__).parent.parent
GUIDES = sorted((ROOT / "examples" / "guides").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *GUIDES]

_BLOCK = re.compile(r"^(?:<!-- ([^\n]+) -->\n)?```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A code block: its name, "" for none, its language, its text."""

    name: str
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    """Return the code blocks of a page in order."""
    return [Block(name or "", *rest) for name, *rest in _BLOCK.findall(text)]


def block(text: str, name: str) -> str:
    """Return the text of the one block of that name."""
    (found,) = (block.text for block in blocks(text) if block.name == name)
    return found


def prose(text: str) -> str:
    """Return a page without code blocks, tables, comments and the targets of links."""
    text = re.sub(r"<!--.*?-->", "", _BLOCK.sub("", text), flags=re.DOTALL)
    text = re.sub(r"^(\||    ).*$", "", text, flags=re.MULTILINE)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"<[^>]+>", "", text))


def broken_links(page: Path, text: str) -> list[str]:
    """Return the links to files that are not there, and to headings that no page has."""
    found = []
    for target in re.findall(r"(?:\]\(|(?:src|srcset|href)=\")([^)\"\s]+)", text):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        file = (page.parent / parts.path).resolve() if parts.path else page
        if not file.exists() or not file.is_relative_to(ROOT):
            found.append(target)
        elif parts.fragment:
            there = text if file == page else file.read_text(encoding="utf-8")
            found += [target] * (parts.fragment not in anchors(there))
    return found


def anchors(text: str) -> set[str]:
    """Return the names under which the headings of a page are linked to."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of every command of a shell block, comments left out."""
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def run_shell(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the `xpcnn` commands of a shell block in this process, in the current folder.

    A command may set variables of the environment before its name.
    """
    for words in commands(text):
        first = words.index("xpcnn")
        with monkeypatch.context() as patch:
            for name, value in (word.split("=", 1) for word in words[:first]):
                patch.setenv(name, value)
            patch.setattr(sys, "argv", words[first:])
            with pytest.raises(SystemExit) as ended:
                main()
        assert ended.value.code == 0, shlex.join(words)


def run_python(text: str, where: str) -> dict[str, Any]:
    """Run a block of Python in the current folder; return its names."""
    names: dict[str, Any] = {"__name__": where}
    exec(compile(text, where, "exec"), names)
    return names


def alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder, without the variables of whoever runs the tests."""
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        if name.startswith("XPCNN_"):
            monkeypatch.delenv(name)
