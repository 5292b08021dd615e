"""The kernels in C are compiled once, found again, and replaced by NumPy's where that fails."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from tests.compiled.support import library, require_compiler
from tests.lib import plain_kernels
from xpcnn import backend, ops
from xpcnn.optimizers import SGD

ROOT = Path(__file__).parents[2]


@pytest.fixture
def compiler() -> None:
    """Skip where there is none; comes before `cache`, lest the kernels of all tests lie there."""
    require_compiler()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name an empty folder as the user's cache; return that of the kernels in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("XPCNN_COMPILER", raising=False)
    monkeypatch.delenv("XPCNN_MARCH", raising=False)
    return tmp_path / "cache" / "xpcnn"


def found() -> tuple[bool, str]:
    """Return whether there are kernels in C, and the status, as a new process would find them."""
    calls, status = library.library.__wrapped__()
    return calls is not None, status


def script(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


FAILED = "NumPy's, since those in C could not be made: "
needs_sh = pytest.mark.skipif(os.name != "posix", reason="no sh on this system")


def test_told_to_take_none(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_COMPILER", "none")
    assert found() == (False, "NumPy's, since XPCNN_COMPILER=none")
    assert not cache.exists()


@needs_sh
def test_no_compiler(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found() == (False, "NumPy's, since there is no C compiler cc, gcc, clang")
    monkeypatch.setenv("XPCNN_COMPILER", "ccc")
    assert found() == (False, "NumPy's, since there is no C compiler ccc")


@needs_sh
def test_a_compiler_that_fails(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cc = script(tmp_path / "cc", "echo first >&2", "echo 'conv.c: no such luck' >&2", "exit 1")
    monkeypatch.setenv("XPCNN_COMPILER", cc)
    assert found() == (
        False,
        f"NumPy's, since those in C could not be made: {cc} failed: conv.c: no such luck",
    )
    assert list(cache.iterdir()) == []
    script(tmp_path / "cc", "exit 1")
    assert found() == (
        False,
        f"NumPy's, since those in C could not be made: {cc} failed: no reason given",
    )


@needs_sh
def test_a_compiler_that_makes_no_library(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "cc", "exit 0"))
    assert not found()[0]
    assert "No such file" in found()[1]


def test_the_processor_to_compile_for(
    compiler: None, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found()[1].endswith(" for native")
    monkeypatch.setenv("XPCNN_MARCH", "pentium-9")
    assert not found()[0]
    assert found()[1].startswith(FAILED)
    assert "pentium-9" in found()[1]
    if platform.machine() != "x86_64":
        return
    monkeypatch.setenv("XPCNN_MARCH", "x86-64")
    assert found()[1].endswith(" for x86-64")
    assert len(list(cache.iterdir())) == 2  # neither replaces the other


@needs_sh
def test_a_cache_that_cannot_be_written(compiler: None, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    has_calls, status = found()
    assert not has_calls
    assert status.endswith(f"Not a directory: '{cache}'")


@needs_sh
def test_a_user_without_a_home(compiler: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert found()[1].endswith(" could not be made: Could not determine home directory.")


def test_without_them_the_numbers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = library.Library(None, "switched off")
    monkeypatch.setattr(library, "library", lambda: nothing)
    backend.load("numpy")
    x = numpy.arange(36, dtype="float32").reshape(1, 1, 6, 6)
    y, _ = ops.conv2d(x, x[..., :2, :2], None, padding=1)
    expected, _ = plain_kernels()["conv2d"](x, x[..., :2, :2], None, padding=1)
    assert y.tobytes() == expected.tobytes()
    p, lr = numpy.ones(3, "float32"), numpy.asarray(0.5, "float32")
    new, state = SGD(momentum=0.5).update({"p": p}, {"p": p}, {"velocity": {"p": p}}, lr, lr)
    assert (new["p"].tolist(), state["velocity"]["p"].tolist()) == ([0.25] * 3, [1.5] * 3)
    assert backend.load("numpy").describe()["kernels"] == "switched off"


CODE = (
    "import numpy\n"
    "from xpcnn import backend, ops\n"
    "told = backend.load('numpy').describe()['kernels']\n"
    "y, _ = ops.relu(numpy.asarray([-1, 2], 'float32'))\n"
    "print(y.tolist(), told)"
)


def start() -> subprocess.Popen[str]:
    """Start a process that prints a result of the kernels and their status."""
    command = [sys.executable, "-c", CODE]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)


def result(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return printed.strip()


@needs_sh
def test_two_processes_at_once_and_a_file_that_is_cut_off(compiler: None, cache: Path) -> None:
    both = [start(), start()]
    for process in both:
        assert result(process).startswith("[0.0, 2.0] in C, compiled by ")
    [built] = cache.iterdir()
    when, whole = built.stat().st_mtime_ns, built.read_bytes()
    assert result(start()).startswith("[0.0, 2.0] in C, compiled by ")
    assert built.stat().st_mtime_ns == when  # not compiled again
    built.write_bytes(whole[: len(whole) // 2])
    assert result(start()).startswith("[0.0, 2.0] in C, compiled by ")  # anew
    assert [path.read_bytes() for path in cache.iterdir()] == [whole]
