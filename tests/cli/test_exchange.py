"""`xpcnn export` and `import`: what is written, what is said, and what is refused."""

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


def test_import(cli: Cli, trained: Path) -> None:
    cli("export", trained, "m.onnx")
    ran = cli("import", "m.onnx", "m.safetensors")
    assert (ran.code, ran.out) == (0, "wrote m.safetensors: 9 layers, 9,978 parameters\n")
    assert ran.err == "note: mean and deviation of the samples are those of the file\n"
    before = json.loads(cli("evaluate", trained, "--json").out)
    after = json.loads(cli("evaluate", "m.safetensors", "--dataset", "digits", "--json").out)
    assert after["accuracy"] == before["accuracy"]
    assert cli("import", "m.onnx", "m.safetensors").code == 1
    Path("names.txt").write_text("\n".join("abcdefghij"), encoding="utf-8")
    flags = ("--force", "--json", "--class-names", "names.txt")
    found = json.loads(cli("import", "m.onnx", "m.safetensors", *flags).out)
    assert found["classes"] == list("abcdefghij")
    assert (found["input_shape"], found["outputs"], found["layers"]) == ([1, 8, 8], 10, 9)


def test_import_of_what_is_no_network(cli: Cli) -> None:
    Path("m.onnx").write_bytes(b"\xff" * 40)
    ran = cli("import", "m.onnx", "m.safetensors")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: m.onnx is no whole ONNX file: ")
    assert not Path("m.safetensors").exists()
    ran = cli("import", "m.onnx", "m.safetensors", "--mean", "a,b")
    assert (ran.code, "'a,b' is not a list of numbers such as 0.5,1" in ran.err) == (2, True)


def test_names_of_classes_in_a_file(cli: Cli, trained: Path) -> None:
    cli("export", trained, "m.onnx")
    Path("names.txt").write_bytes(b"\xff\xfe\x00")
    ran = cli("import", "m.onnx", "m.safetensors", "--class-names", "names.txt")
    assert (ran.code, ran.err) == (
        1,
        "error: names.txt holds no names of classes\n"
        "Try: a text file in UTF-8, a name in each line\n",
    )
