"""The README's code runs as written, prints what it says, and is short."""

import re
import sys
import tomllib
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.pages import ROOT, alone, block, prose, run_python
from xpcnn import backend
from xpcnn.cli import main
from xpcnn.errors import BackendError

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_command_prints_what_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The words are equal; of the figures, the first epoch and the accuracy are nearly equal.

    The other figures depend on the processor and on the time. "..." stands for further lines.
    """
    shown, first = block(README, "output").splitlines(), block(README, "main job").split(" && ")[-1]
    alone(tmp_path, monkeypatch)
    assert first == ".venv/bin/xpcnn train\n"
    monkeypatch.setattr(sys, "argv", ["xpcnn", "train"])
    with pytest.raises(SystemExit):
        main()
    printed = [line for text in capsys.readouterr() for line in text.splitlines()]
    printed = sorted(printed, key=lambda line: line.startswith(("test accuracy", "run folder")))

    def words(lines: list[str]) -> list[str]:
        return [re.sub(r"\d+", "0", line) for line in lines if line != "..."]

    def figures(lines: list[str], start: str, count: int) -> list[float]:
        (line,) = (line for line in lines if line.startswith(start))
        return [float(number) for number in re.findall(r"\d+\.\d+", line)[:count]]

    assert [line for line in words(shown) if line not in words(printed)] == []
    assert "..." in shown
    assert f"epoch {len(printed) - 5}" in shown[-5]
    for start, count, most in (("epoch 1 ", 3, 0.01), ("test accuracy", 1, 0.02)):
        found, told = figures(printed, start, count), figures(shown, start, count)
        numpy.testing.assert_allclose(found, told, rtol=0.0, atol=most)


def test_the_idea_has_twelve_lines_and_the_right_gradient() -> None:
    idea, first = block(README, "idea"), "y, conv_pullback"
    code = [line for line in idea[idea.index(first) :].splitlines() if line and line[0] != "#"]
    assert len(code) <= 12
    names = run_python(idea, "README.md")
    nudged = run_python(idea.replace(first, f"w[3, 0, 1, 2] += 1e-6\n{first}"), "README.md")
    slope = (nudged["loss"] - names["loss"]) / 1e-6
    assert slope == pytest.approx(names["dw"][3, 0, 1, 2], rel=1e-3)


def test_the_library_example_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, last_line = block(README, "library").rstrip().rsplit("\n", 1)
    names = run_python(code, "README.md")
    accuracy = float(capsys.readouterr().out.split()[0])
    assert accuracy > 0.95
    assert 'backend="cupy"' in last_line
    if backend.problem("cupy") is None:
        exec(compile(last_line, "README.md", "exec"), names)
    else:
        with pytest.raises(BackendError, match="backend 'cupy' cannot be used"):
            exec(compile(last_line, "README.md", "exec"), names)
    model, again = names["model"], xpcnn.load("digits.safetensors")
    images = xpcnn.data.load("digits")[1].images
    assert isinstance(model, xpcnn.Model)
    numpy.testing.assert_array_equal(again.predict_proba(images), model.predict_proba(images))


def test_two_commands_of_one_line() -> None:
    for name in ("main job", "tests"):
        assert len(block(README, name).strip().splitlines()) == 1


def test_it_is_short() -> None:
    """About 900 words, without tables, code blocks and the targets of links."""
    assert 700 < len(prose(README).split()) < 1000


def test_every_folder_with_code_is_packaged() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {p.parent.relative_to(ROOT) for p in (ROOT / "xpcnn").rglob("*.py")}
    backends = {p.parent.relative_to(ROOT) for p in (ROOT / "backends").rglob("*.py")}
    names = {".".join(f.parts) for f in folders}
    names |= {".".join(("xpcnn", *f.parts)) for f in backends}
    assert set(project["tool"]["setuptools"]["packages"]) == names
    globs = project["tool"]["setuptools"]["package-data"]["xpcnn.backends"]
    assert {path for glob in globs for path in (ROOT / "backends").glob(glob)} == {
        path for path in (ROOT / "backends" / "kernels").iterdir() if path.is_file()
    }


def test_every_figure_has_its_script() -> None:
    named = {*re.findall(r"python examples/(\w+\.py)", README)}
    scripts = {path.name for path in (ROOT / "examples").glob("*.py")}
    without = {"figure.py", "own_layer.py", "by_hand.py", "cifar10_airbench.py"}  # for GPUs
    assert scripts - without <= named <= scripts
