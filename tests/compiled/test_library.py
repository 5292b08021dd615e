"""The kernels in C are compiled once, kept where nobody else can change them, and found again."""

import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from tests.compiled.compilers import FAILED, FIND, calls, counting, found, needs_sh, script
from tests.compiled.support import library, require_compiler
from tests.lib import plain_kernels
from tests.no_home import without_home
from tests.waiting import PATIENCE
from xpcnn import backend, ops
from xpcnn.optimizers import SGD

ROOT = Path(__file__).parents[2]


@needs_sh
def test_a_cache_that_cannot_be_written(compiler: None, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    has_calls, status = found()
    assert not has_calls
    assert status.endswith(f"Not a directory: '{cache}'; XDG_CACHE_HOME names another place")


@needs_sh
def test_a_user_without_a_home(compiler: None, monkeypatch: pytest.MonkeyPatch) -> None:
    without_home(monkeypatch)
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
        assert result(process).startswith("[0.0, 2.0] in C for float32, compiled by ")
    [built] = cache.iterdir()
    when = built.stat().st_mtime_ns
    assert result(start()).startswith("[0.0, 2.0] in C for float32, compiled by ")
    assert built.stat().st_mtime_ns == when  # not compiled again


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
