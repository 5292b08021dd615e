"""`xpcnn export` and `import`: what is written, what is said, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import xpcnn
from tests.cli.conftest import Cli
from tests.io.foreign.test_weights import narrow_file, narrow_model

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


def test_other_endings_are_no_format(cli: Cli, trained: Path) -> None:
    """An ONNX file called model.pt would be taken for PyTorch's."""
    ran = cli("export", trained, "model.pt")
    assert (ran.code, ran.out, Path("model.pt").exists()) == (1, "", False)
    assert ran.err == (
        "error: model.pt: its ending decides what is written, and it is neither of the two\n"
        "Try: FILE.onnx, or FILE.safetensors for the weights alone\n"
    )


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
    ran = cli("import", "m.onnx", "m.onnx", "--force")
    assert ran.err.startswith("error: m.onnx is not the name of a .safetensors file")
    Path("names.txt").write_text("\n".join("abcdefghij"), encoding="utf-8")
    flags = ("--force", "--json", "--class-names", "names.txt")
    found = json.loads(cli("import", "m.onnx", "m.safetensors", *flags).out)
    assert found["classes"] == list("abcdefghij")
    assert (found["input_shape"], found["outputs"], found["layers"]) == ([1, 8, 8], 10, 9)


def test_import_of_what_is_no_network(cli: Cli) -> None:
    Path("m.onnx").write_bytes(b"\xff" * 40)
    ran = cli("import", "m.onnx", "m.safetensors")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: m.onnx is not a complete ONNX file: ")
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


def pictures(folder: Path) -> None:
    """Make a few pictures of two classes."""
    rng = np.random.default_rng(0)
    for i in range(24):
        place = folder / ("cat" if i % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (50, 60, 3), "u1")).save(place / f"{i}.png")


def test_weights_of_pytorch(cli: Cli) -> None:
    """Out, in, and as the start of a training on pictures with other classes."""
    model = narrow_model("resnet18")
    model.save("m.safetensors")
    narrow_file("resnet18", Path("narrow.toml"))
    ran = cli("export", "m.safetensors", "w.safetensors")
    assert (ran.code, ran.err) == (0, "")
    assert "bytes): weights alone, with the names of torchvision or timm\n" in ran.out
    ran = cli("import", "w.safetensors", "again.safetensors", "--model", "narrow.toml", "--json")
    assert json.loads(ran.out)["mean"] == [123.675, 116.28, 103.53]
    ran = cli("import", "w.safetensors", "other.safetensors")
    assert ran.err == (
        "error: w.safetensors holds PyTorch weights, but not which network they are of\n"
        "Try: --model resnet18, the preset of that network\n"
    )
    ran = cli("train", "--init", "w.safetensors", "--dataset", "digits")
    assert (ran.code, ran.err) == (
        1,
        "error: w.safetensors holds PyTorch weights, but not which network they are of\n"
        "Try: --model resnet18, the preset of that network\n",
    )
    pictures(Path("photos"))
    flags = ("--init", "w.safetensors", "--model", "narrow.toml", "--dataset", "photos")
    ran = cli("train", *flags, "--epochs", "1", "--batch-size", "8", "--out", "run")
    assert ran.code == 0, ran.err
    assert "weights of w.safetensors: 40 of 41 layers" in ran.err
    assert "mean and standard deviation of the samples: those of the file" in ran.err
    trained = xpcnn.load("run/model.safetensors")
    assert (trained.input_shape, trained.classes) == ((3, 48, 48), ("cat", "dog"))
    assert trained.mean == (123.675, 116.28, 103.53)
    assert cli("train", "--config", "run/config.toml", "--out", "again").code == 0


def test_the_head_first_and_then_all(cli: Cli) -> None:
    """Frozen layers keep the weights and running statistics of the file; then all of them learn."""
    narrow_model("resnet18").save("m.safetensors")
    cli("export", "m.safetensors", "w.safetensors")
    narrow_file("resnet18", Path("narrow.toml"))
    pictures(Path("photos"))
    flags = ("--dataset", "photos", "--epochs", "1", "--batch-size", "8")
    body = ("--freeze", "layers.[0-9].*,layers.1[0-9].*")
    start = ("--init", "w.safetensors", "--model", "narrow.toml")
    assert cli("train", *flags, *start, *body, "--out", "head").code == 0
    assert cli("train", *flags, "--init", "head", "--freeze", "none", "--out", "all").code == 0
    before, head, after = (
        xpcnn.load(name).get_weights()
        for name in ("m.safetensors", "head/model.safetensors", "all/model.safetensors")
    )
    for name, x in before.items():
        if not name.startswith("layers.21."):
            np.testing.assert_array_equal(head[name], x)
    assert all((after[name] != x).any() for name, x in head.items())
