"""The kernels in C are compiled once, found again, and replaced by NumPy's where that fails."""

import os
import platform
import subprocess
import sys
import types
from pathlib import Path

import numpy
import pytest

from tests.compiled.support import library, require_compiler
from tests.homeless import homeless
from tests.lib import plain_kernels
from tests.waiting import PATIENCE, wait_until
from xpcnn import backend, ops
from xpcnn.errors import BackendError
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
    return tmp_path / "cache" / "xpcnn" / "kernels"


def found() -> tuple[bool, str]:
    """Return whether there are kernels in C, and the status, as a new process would find them."""
    calls, status = library.load.__wrapped__()
    return calls is not None, status


def script(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


FIND = 'while [ "$1" != -o ]; do shift; done; out=$2'


@pytest.fixture
def quick(compiler: None, tmp_path: Path) -> str:
    """Return the lines of a compiler that copies the library of this process: compiling takes
    seconds."""
    loaded = Path(library.load().calls._name)
    (tmp_path / "loaded.so").write_bytes(loaded.read_bytes())
    return f'{FIND}; cp {tmp_path}/loaded.so "$out"'


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
    compiler: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_MARCH", "pentium-9")
    assert not found()[0]
    assert found()[1].startswith(FAILED)
    assert "pentium-9" in found()[1]
    if platform.machine() != "x86_64":
        return
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "cc", 'exec cc "$@" -O0'))  # quickly
    monkeypatch.setenv("XPCNN_MARCH", "x86-64")
    assert found()[1].startswith("in C, compiled by ")
    assert found()[1].endswith(" for x86-64 (SSE2)")
    monkeypatch.setenv("XPCNN_MARCH", "x86-64-v2")
    assert library.will_compile()  # the one for another does not do


@needs_sh
def test_a_cache_that_cannot_be_written(compiler: None, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    has_calls, status = found()
    assert not has_calls
    assert status.endswith(f"Not a directory: '{cache}'; XDG_CACHE_HOME names another place")


@needs_sh
def test_a_user_without_a_home(compiler: None, monkeypatch: pytest.MonkeyPatch) -> None:
    homeless(monkeypatch)
    elsewhere = "the user has no home folder; XDG_CACHE_HOME names another place"
    assert found()[1].endswith(f" could not be made: {elsewhere}")


def test_without_them_the_numbers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = library.Kernels(None, "switched off")
    monkeypatch.setattr(library, "load", lambda: nothing)
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
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return printed.strip()


@needs_sh
def test_two_processes_at_once(
    quick: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "cc", quick))
    both = [start(), start()]
    for process in both:
        assert result(process).startswith("[0.0, 2.0] in C, compiled by ")
    [built] = cache.iterdir()
    when = built.stat().st_mtime_ns
    assert result(start()).startswith("[0.0, 2.0] in C, compiled by ")
    assert built.stat().st_mtime_ns == when  # not compiled again


def counting(path: Path, *lines: str) -> str:
    """Write a compiler that notes each of its calls in the file `calls`, then does as told."""
    return script(path, f"echo call >> {path.parent}/calls", *lines)


def calls(path: Path) -> int:
    return (path / "calls").read_text().count("call")


@needs_sh
def test_a_damaged_library_is_compiled_anew(
    quick: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_COMPILER", counting(tmp_path / "cc", quick))
    assert found()[0]
    [built] = cache.iterdir()
    whole = built.read_bytes()
    turned = bytes([*whole[:-9], whole[-9] ^ 1, *whole[-8:]])
    for damage in (whole[: len(whole) // 2], whole[:9], b"", b"garbage" * 999, turned):
        built.unlink()  # this process holds the old one open
        built.write_bytes(damage)
        before = calls(tmp_path)
        assert found()[0]
        assert calls(tmp_path) == before + 1
        assert [path.read_bytes() for path in cache.iterdir()] == [whole]


@needs_sh
def test_a_library_without_a_function_is_not_kept(
    compiler: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.c").write_text("long xpcnn_conv(void) { return 0; }")
    only = f'cc -shared -fPIC -o "$out" {tmp_path}/one.c'
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "cc", FIND, only))
    missing = next(name for name in library.build.functions() if name != "conv")
    assert found() == (False, f"{FAILED}what was compiled has no function xpcnn_{missing}")
    assert list(cache.iterdir()) == []
    script(tmp_path / "cc", FIND, 'echo "no library" > "$out"')
    assert not found()[0]
    assert list(cache.iterdir()) == []


@needs_sh
def test_a_folder_that_others_can_change_is_refused(
    quick: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "cc", quick))
    cache.mkdir(parents=True)
    me = os.geteuid()
    for mode in (0o770, 0o702):
        cache.chmod(mode)
        assert found() == (
            False,
            f"{FAILED}{cache} belongs to you and has mode {mode:o}, so that others can change it; "
            f"XDG_CACHE_HOME names another place",
        )
    cache.chmod(0o755)
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: me + 1)
        assert f"{cache} belongs to user {me} and has mode 755" in found()[1]
    assert list(cache.iterdir()) == []
    cache.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    cache.symlink_to(tmp_path / "elsewhere")
    assert f"{cache} is a symbolic link" in found()[1]
    cache.unlink()
    assert found()[0]
    [built] = cache.iterdir()
    assert (cache.stat().st_mode & 0o777, built.stat().st_mode & 0o777) == (0o700, 0o600)


@needs_sh
def test_a_link_in_the_folder_is_not_followed(
    quick: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "cc", quick))
    assert found()[0]
    [built] = cache.iterdir()
    away = built.rename(tmp_path / "away.so")
    built.symlink_to(away)
    assert found()[0]
    assert not built.is_symlink()


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
    monkeypatch.setattr(build, "PAUSE", 0.0)
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
    monkeypatch.setattr(library.build, "load", lambda recipe: calls)
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


@needs_sh
def test_what_is_told_of_the_kernels_before_the_first_step(
    quick: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "cc", quick))
    monkeypatch.setattr(library, "load", library.load.__wrapped__)
    warm_up = backend.load("numpy").warm_up
    compiling = "compiling kernels, once: some seconds"
    lines = iter(warm_up())
    assert next(lines) == compiling
    assert not cache.exists()  # told before it begins
    assert list(lines) == []
    assert list(warm_up()) == []
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "broken", "exit 1"))
    failed = f"{FAILED}{tmp_path}/broken failed: no reason given"
    told = f"note: training is slower than it could be: the kernels are {failed}"
    assert list(warm_up()) == [compiling, told]
    monkeypatch.setenv("XPCNN_COMPILER", "none")
    assert list(warm_up()) == []


def test_the_library_exports_nothing_but_names_with_its_prefix() -> None:
    """A bare `run` or `pointwise` could be taken for that of another library in the process."""
    require_compiler()
    calls = library.load().calls
    names = library.build.functions()
    assert {"conv", "pointwise", "update", "runs_here"} <= {*names}
    for name in names:
        assert hasattr(calls, f"xpcnn_{name}")
        assert not hasattr(calls, name)
    assert not hasattr(calls, "run_pieces")  # of threads.c, for the other files
