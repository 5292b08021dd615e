"""Kernels that came with the package are taken before any are compiled."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.compiled.support import library, require_compiler

ROOT = Path(__file__).parents[2]
COMPILED = ROOT / "backends" / "numpy_kernels" / "compiled"
build = import_module("xpcnn.backends.numpy_kernels.compiled.build")
prebuilt = import_module("xpcnn.backends.numpy_kernels.compiled.prebuilt")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that stands for the package's, with the library of this process at every
    level; the machine has no compiler."""
    require_compiler()
    loaded = Path(library.load().calls._name).read_bytes()
    for march in build.levels():
        (tmp_path / build.library_name(march)).write_bytes(loaded)
    monkeypatch.setattr(prebuilt, "FOLDER", tmp_path)
    for name in ("XPCNN_COMPILER", "XPCNN_MARCH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def status() -> str:
    """Return what a new process would say."""
    return str(library.load.__wrapped__().status)


def test_the_best_is_taken_and_nothing_is_compiled(package: Path) -> None:
    best = build.level_name(build.levels()[0])
    assert status().startswith("in C for float32, of the package (")
    assert f", for {best} (" in status()
    assert not library.will_compile()
    assert not (package / "cache").exists()


def test_the_next_where_one_is_damaged(package: Path) -> None:
    if len(build.levels()) == 1:
        pytest.skip("one level on this machine")
    (package / build.library_name(build.levels()[0])).write_bytes(b"no library")
    assert f", for {build.levels()[1]} (" in status()


def test_none_of_other_sources(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "source_digest", lambda: "0123456789abcdef")
    assert status() == "NumPy's, since there is no C compiler cc, gcc, clang"


def test_none_that_the_processor_cannot_run(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "PREFIX", "xpcnn_missing_")
    assert prebuilt.load() is None


@pytest.mark.parametrize("name", ["XPCNN_MARCH", "XPCNN_COMPILER"])
def test_variables_ask_for_others(
    package: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "none")
    assert "of the package" not in status()


def test_the_build_needs_the_standard_library_alone() -> None:
    program = (
        "import importlib.util as u, sys; s = u.spec_from_file_location('build', sys.argv[1]);"
        "m = u.module_from_spec(s); sys.modules['build'] = m; s.loader.exec_module(m);"
        "print(m.levels(), m.library_name('x'))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(COMPILED / "build.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-1] == build.library_name("x")
