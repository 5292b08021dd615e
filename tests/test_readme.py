"""The README's code runs as written, and what it names exists."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy
import pytest

import xpcnn
from xpcnn import backend
from xpcnn.errors import BackendError

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """Return the code block after the comment of that name."""
    match = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert match is not None, name
    return match.group(1)


def test_the_library_example_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, last_line = block("library").rstrip().rsplit("\n", 1)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
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


def test_the_run_in_a_file_runs_as_written(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(block("run.toml"))
    command = block("config").replace("xpcnn train", f"{sys.executable} -m xpcnn train")
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    command = f"{command.strip()} --quiet --out one"
    subprocess.run(command, shell=True, cwd=tmp_path, env=environment, check=True)
    config = tomllib.loads((tmp_path / "one/config.toml").read_text())
    assert (config["seed"], config["training"]["epochs"]) == (1, 3)
    assert config["training"]["optimizer"]["lr"] == 0.002
    assert config["training"]["augment"] == [{"name": "crop", "pad": 2}]


def test_two_commands_of_one_line() -> None:
    for name in ("main job", "tests"):
        assert len(block(name).strip().splitlines()) == 1


def test_every_link_leads_somewhere() -> None:
    targets = re.findall(r"\]\((?!http|#)([^)]+)\)", README)
    assert len(targets) > 15
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_preset_and_data_set_is_named() -> None:
    for name in (*xpcnn.models.names(), *xpcnn.data.NAMES):
        assert f"`{name}`" in README, name


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
    named = re.findall(r"python examples/(\w+\.py)", README)
    scripts = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert sorted(named) == sorted(scripts - {"figure.py", "own_layer.py"})
