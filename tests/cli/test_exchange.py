"""`xpcnn export`: what is written, what is said, and what is refused."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

pytest.importorskip("onnx", reason="onnx: not installed (pip install 'xpcnn[onnx]')")


def test_export(cli: Cli, trained: Path) -> None:
    ran = cli("export", trained, "m.onnx")
    size = Path("m.onnx").stat().st_size
    assert ran == (
        0,
        f"wrote m.onnx ({size:,} bytes): images (batch, 1, 8, 8) to scores (batch, 10)\n",
        "",
    )
    again = cli("export", trained, "m.onnx")
    assert (again.code, again.err) == (
        1,
        "error: m.onnx is there already\nTry: another name, or --force to write over it\n",
    )
    ran = cli("export", trained, "m.onnx", "--force", "--json")
    assert json.loads(ran.out) == {
        "model": str(trained),
        "out": "m.onnx",
        "bytes": size,
        "input": ["batch", 1, 8, 8],
        "outputs": 10,
        "classes": list("0123456789"),
    }


def test_without_onnx(cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpcnn.exchange.find_spec", lambda name: None)
    ran = cli("export", trained, "m.onnx")
    assert (ran.code, ran.out, ran.err) == (
        1,
        "",
        "error: ONNX needs onnx, which is not installed\nTry: pip install 'xpcnn[onnx]'\n",
    )
