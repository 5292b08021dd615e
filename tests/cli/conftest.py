"""The command line in this process and in one of its own, away from the caller's environment."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pytest

from tests.cli.process import TINY, end_all
from tests.cli.requests import OWN, TRAINING
from xpcnn.cli import main
from xpcnn.models import Preset, preset


class Ran(NamedTuple):
    """What a command left: exit code, stdout, stderr."""

    code: int | str | None
    out: str
    err: str


Cli = Callable[..., Ran]
numpy_backend = import_module("xpcnn.backends.numpy_backend")


def answer(cli: Cli, *arguments: str | Path) -> Any:
    """Run a command with --json and return what it printed."""
    ran = cli(*arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == 1
    return json.loads(ran.out)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, without the variables of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("XPCNN_"):
            monkeypatch.delenv(name)
    yield
    end_all()


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return a function that runs `xpcnn` with arguments in this process.

    It does not tell of the kernels: which there are depends on the machine.
    """
    monkeypatch.setattr(numpy_backend.NumPyLibrary, "warm_up", lambda self: [])

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["xpcnn", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Ran(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave figures empty, which take most of a report's time; their labels stay."""
    pytest.importorskip("matplotlib")
    empty = {"svg": b'<svg viewBox="0 0 1 1"></svg>', "png": b"\x89PNG"}

    def save(figure: Any, file: BinaryIO, *, format: str, **how: Any) -> None:
        file.write(empty[format])

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", save)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of one small run on the embedded digits."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["xpcnn", "train", *TINY, "--quiet", "--out", str(folder)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0
    return folder


@pytest.fixture
def own() -> Preset:
    """Return a preset with every training option set: own.toml, in the current folder."""
    Path("own.toml").write_text(OWN + TRAINING)
    return preset("own.toml")
