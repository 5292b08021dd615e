"""What the user's compiler and processor can do wrong, and what is told of it."""

import os
import types
from pathlib import Path

import pytest

from tests.compiled.compilers import FAILED, calls, counting, found, needs_sh, script
from tests.compiled.support import library
from tests.waiting import wait_until
from xpcnn import backend
from xpcnn.errors import BackendError


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


@needs_sh
def test_a_compiler_that_does_not_know_its_machine(
    quick: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = 'case "$*" in *-march=native*) echo "error: native" >&2; exit 1;; esac'
    cc = script(tmp_path / "cc", refuse, quick)
    monkeypatch.setenv("XPCNN_COMPILER", cc)
    for _ in range(2):
        assert found()[0]
        assert " for its default processor (" in found()[1]
    [built] = cache.iterdir()
    script(tmp_path / "cc", quick)
    assert " for native (" in found()[1]  # not the one for any machine
    assert len(list(cache.iterdir())) == 2
    assert built.exists()


@needs_sh
def test_a_compiler_that_hangs(
    quick: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = library.build
    cc = counting(tmp_path / "cc", f"sleep 60 & echo $! > {tmp_path}/child; wait")
    monkeypatch.setenv("XPCNN_COMPILER", cc)
    child = tmp_path / "child"

    def load() -> tuple[float, float, float]:
        """High until the compiler hangs, so that it is given the time to come so far."""
        hangs = child.exists() and child.read_text()
        return 0.0 if hangs else 1000.0 * (os.cpu_count() or 1), 0.0, 0.0

    monkeypatch.setattr(build, "SECONDS", 0.2)
    monkeypatch.setattr(os, "getloadavg", load)
    late = f"{FAILED}{cc} took longer than 0 seconds"
    assert found() == (False, late)
    wait_until(lambda: not alive(int(child.read_text())))
    assert found() == (False, late)
    assert calls(tmp_path) == 1  # not at every start
    monkeypatch.setattr(library.library_cache, "PAUSE", 0.0)
    script(tmp_path / "cc", quick)
    monkeypatch.setattr(build, "SECONDS", 60.0)
    assert found()[0]


@needs_sh
def test_a_compiler_on_a_busy_machine_has_more_time(
    quick: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library.build, "SECONDS", 0.1)
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0 * (os.cpu_count() or 1), 0.0, 0.0))
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "cc", "sleep 0.2", quick))
    assert found()[0]


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended may still be listed, as a zombie."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def test_a_processor_that_lacks_the_instructions(
    compiler: None, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_MARCH", "x86-64-v9")
    calls = types.SimpleNamespace(xpcnn_runs_here=lambda: 0)
    monkeypatch.setattr(library.library_cache, "load", lambda recipe: calls)
    assert found() == (
        False,
        "NumPy's, since this processor cannot run XPCNN_MARCH=x86-64-v9",
    )


def test_a_compiler_of_an_unknown_name_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_COMPILER", "no-such-cc")
    with pytest.raises(BackendError) as caught:
        backend.load("numpy")
    assert str(caught.value) == (
        "backend 'numpy' cannot be used: XPCNN_COMPILER is 'no-such-cc', and there is no such "
        "program\nTry: XPCNN_COMPILER=gcc, XPCNN_COMPILER=none for kernels of NumPy's calls, or "
        "unset it"
    )
