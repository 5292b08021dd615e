"""`--tf32`: what a run records of it, and commands that refuse it. CuPy is made of NumPy here."""

import json
import sys
import tomllib
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.cli.conftest import Cli
from tests.cuda_on_host import arrays
from tests.fake_cupy import fake_cupy

REFUSED = (
    "error: backend 'numpy' on cpu has no TF32 (TF32 is of NVIDIA GPUs)\n"
    "Try: backend 'cupy', or 'torch' on device 'cuda'; or leave TF32 out\n"
)
SMALL = ("--limit", "20", "--epochs", "1", "--quiet", "--no-health", "--no-preflight")


@pytest.mark.parametrize("given", [True, False])
def test_a_run_records_it(cli: Cli, given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPY_TF32", "1")  # has no effect
    modules = {"cupy": fake_cupy(), "array_api_compat.cupy": arrays.namespace}
    with patch.dict(sys.modules, modules):
        flags = ["--tf32"] if given else []
        ran = cli("train", "--backend", "cupy", *flags, *SMALL, "--out", "run")
        assert ran.code == 0, ran.err
        environment = json.loads(Path("run/environment.json").read_text())
        assert environment["backend"]["tf32"] == ("on" if given else "off")
        config = tomllib.loads(Path("run/config.toml").read_text())
        assert config.get("tf32", False) is given
        again = cli("train", "--config", "run/config.toml", "--quiet", "--out", "again")
        assert again.code == 0, again.err
        assert json.loads(Path("again/environment.json").read_text()) == environment
        assert cli("evaluate", "run", "--backend", "cupy", "--tf32").code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("train", "--tf32"),
        ("train", "--set", "tf32=true"),
        ("evaluate", "{run}", "--tf32"),
        ("predict", "{run}", "--rows", "0:2", "--tf32"),
        ("explain", "{run}", "--row", "0", "--tf32"),
        ("report", "{run}", "--tf32"),
        ("demo", "{run}", "--port", "0", "--tf32"),
        ("replay", "{run}", "--tf32"),
    ],
    ids=lambda command: command[0],
)
def test_numpy_refuses_it(cli: Cli, trained: Path, command: tuple[str, ...]) -> None:
    for module in {"explain": ["jinja2"], "report": ["jinja2"], "demo": ["starlette"]}.get(
        command[0], []
    ):
        pytest.importorskip(module)
    ran = cli(*(word.format(run=trained) for word in command))
    assert (ran.code, ran.out, ran.err) == (1, "", REFUSED)


def test_the_variable_is_as_the_flag(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_TF32", "1")
    assert cli("evaluate", trained).err == REFUSED
