"""The examples of the guides, as a reader runs them."""

import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.pages import GUIDES, alone, blocks, run_python, run_shell

NEEDS = {
    "look.md": ("jinja2", "matplotlib", "PIL", "starlette", "uvicorn"),
    "own-data.md": ("PIL",),
    "scikit-learn.md": ("sklearn",),
    "tuning.md": ("optuna", "jinja2", "matplotlib"),
}
"""Packages that examples need beside those of the base install."""


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_the_examples_of_a_guide_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in NEEDS.get(page.name, ()):
        pytest.importorskip(package)
    alone(tmp_path, monkeypatch)
    if page.name == "look.md":
        monkeypatch.setattr("xpcnn.demo.server.serve", check_served)
    found = blocks(page.read_text(encoding="utf-8"))
    for name, language, text in found:
        if "." in name:
            Path(name).write_text(text, encoding="utf-8")
        elif name == "example" and language == "python":
            run_python(text, page.name)
        elif name == "example":
            run_shell(text, monkeypatch)
    if page.name == "configuration.md":
        check_configuration(next(Path("runs").iterdir()) / "config.toml")


def check_served(recognizer: Any, at: socket.socket) -> None:
    """Stand in for the server, which answers until Ctrl-C; see test_demo_process.py."""
    assert recognizer.about()["drawn"]
    assert at.getsockname()[0] == "127.0.0.1"


def check_configuration(file: Path) -> None:
    """Each value is the one that the guide says wins."""
    config = tomllib.loads(file.read_text(encoding="utf-8"))
    assert (config["seed"], config["training"]["epochs"]) == (1, 3)
    assert config["training"]["optimizer"]["lr"] == 0.002
    assert config["training"]["augment"] == [{"name": "crop", "pad": 2}]
