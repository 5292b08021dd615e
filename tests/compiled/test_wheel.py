"""The build of a wheel by setup.py, with stand-ins for setuptools, which not all machines have."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


class Command:
    """A command of setuptools that does nothing."""

    editable_mode = False
    build_lib = ""

    def run(self) -> None:
        pass


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return setup.py as a module, on a machine with the compilers gcc and clang."""
    if os.name != "posix":
        pytest.skip("kernels in C need POSIX threads")
    for name, content in (
        ("setuptools", {"setup": lambda **_: None}),
        ("setuptools.command", {}),
        ("setuptools.command.bdist_wheel", {"bdist_wheel": Command}),
        ("setuptools.command.build_py", {"build_py": Command}),
    ):
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("gcc", "clang"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("XPCNN_COMPILER", "CC"):
        monkeypatch.delenv(name, raising=False)
    spec = spec_from_file_location("setup_of_xpcnn", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "gcc"),
        ({"CC": "clang"}, "clang"),
        ({"CC": "clang", "XPCNN_COMPILER": "gcc"}, "gcc"),
        ({"CC": "clang", "XPCNN_COMPILER": "none"}, None),
    ],
)
def test_variables_name_the_compiler(
    setup: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    name: str | None,
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert setup.compiler() == (name and str(tmp_path / name))


@pytest.mark.parametrize(
    ("variable", "value", "command"),
    [
        ("CC", "gcc -m64", ["gcc", "-m64"]),
        ("CC", "clang gcc -O2", ["clang", "gcc", "-O2"]),  # as `ccache gcc`
        ("XPCNN_COMPILER", "gcc '-DA=b c'", ["gcc", "-DA=b c"]),
        ("XPCNN_COMPILER", "my gcc", ["my gcc"]),  # the name of a program
    ],
)
def test_a_compiler_of_several_words(
    setup: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
    value: str,
    command: list[str],
) -> None:
    (tmp_path / "my gcc").touch(mode=0o755)
    monkeypatch.setenv(variable, value)
    recipe = setup.module_of("build").Recipe(setup.compiler(), "x86-64")
    program, *rest = command
    expected = [str(tmp_path / program), *rest, "-O3"]
    assert recipe.command[: len(expected)] == expected


@pytest.mark.parametrize("name", ["tcc", "ccache gcc", "gcc '-m64", " "])
@pytest.mark.parametrize("variable", ["XPCNN_COMPILER", "CC"])
def test_a_compiler_that_does_not_exist(
    setup: Any, monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    monkeypatch.setenv(variable, name)
    with pytest.raises(SystemExit) as caught:
        setup.compiler()
    assert str(caught.value) == (
        f"error: {variable} is {name!r}, and there is no such program\n"
        "Try: XPCNN_COMPILER=gcc, or XPCNN_COMPILER=none for a wheel without kernels"
    )


def test_nothing_of_an_earlier_build_is_kept(
    setup: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wheel that says it is pure would hold the kernels of the one before."""
    monkeypatch.setenv("XPCNN_COMPILER", "none")
    left = tmp_path / "lib" / "xpcnn" / "kernels.so"
    left.parent.mkdir(parents=True)
    left.touch()
    command = setup.BuildWithKernels()
    command.build_lib = tmp_path / "lib"
    command.run()
    assert not left.exists()
