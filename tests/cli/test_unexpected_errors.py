"""Errors that nobody expects are one line, and with -v a traceback; exit codes of the process."""

import sys
from importlib import import_module

import pytest

from tests.cli.conftest import Cli
from tests.cli.process import run


@pytest.mark.parametrize("where", ["before", "after"])
def test_verbose_shows_the_traceback(cli: Cli, where: str) -> None:
    arguments = ["train", "--epochs", "0"]
    ran = cli("-v", *arguments) if where == "before" else cli(*arguments, "--verbose")
    assert ran.code == 1
    assert ran.err.startswith("Traceback (most recent call last):\n")
    assert ran.err.endswith("\nTry: --epochs 10\n")


def test_a_defect_is_one_line_with_advice(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of a kind\nthat nobody expects")

    monkeypatch.setattr("xpcnn.data.load_parts", broken)
    assert cli("train") == (
        1,
        "",
        "error: unexpected ZeroDivisionError: of a kind\n"
        "Try: the same with -v, for a full report\n",
    )
    ran = cli("train", "-v")
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert "broken" in ran.err
    assert ran.err.endswith("error: unexpected ZeroDivisionError: of a kind\n")


def test_a_python_without_the_packages_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'pooch'", name="pooch")

    monkeypatch.setattr("xpcnn.data.load_parts", absent)
    assert cli("train") == (
        1,
        "",
        f"error: the package pooch is not installed for {sys.executable}\n"
        "Try: the Python in which xpcnn is installed, or pip install -e . in a checkout\n",
    )


def test_a_path_that_may_not_be_read_is_no_defect(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "run/model.safetensors")

    monkeypatch.setattr("xpcnn.data.load_parts", denied)
    assert cli("train") == (
        1,
        "",
        "error: Permission denied: 'run/model.safetensors'\n"
        "Try: another path, or ask who may read and write there\n",
    )


def test_exit_codes_of_the_process() -> None:
    assert run("train", "--limit", "50", "--epochs", "1", "--quiet", "--out", "run")[0] == 0
    assert run("train", "--model", "tinyy")[0] == 1
    assert run("train", "--no-such-flag")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (
            ["train"],
            "a smaller --batch-size; or a smaller --image-size; or --stream yes, which leaves "
            "pictures on disk",
        ),
        (
            ["predict", "run", "--rows", "0:3"],
            "--stream yes, which leaves pictures on disk; or few",
        ),
        (["diff", "a", "b"], "less data at once, or a machine with more memory\n"),
    ],
)
def test_too_little_memory(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: list[str], advice: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    for place, name in (("data", "load_parts"), ("cli.model_opening", "open_model")):
        monkeypatch.setattr(import_module(f"xpcnn.{place}"), name, full)
    monkeypatch.setattr(import_module("xpcnn.runs"), "read_run", full)
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: not enough memory: an allocation failed\nTry: {advice}")
