"""The fixture `lib`: one test on every array library. The option `--no-kernels`: all on references;
`--lib NAME`: only the tests of one library; `-n auto`: on all cores.

A library that cannot be used here skips the first test of a file by its name, with the reason; the
others are left out.
"""

import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import xpcnn
from tests import cuda_on_host
from tests.lib import LIBS, Lib, is_absent, open_lib
from tests.small_model import Parts
from xpcnn import backend
from xpcnn.backend import Kernels


class NoKernels(dict[type, Kernels]):
    """A table of kernels that stays empty."""

    def __setitem__(self, array_type: type, kernels: Kernels) -> None:
        pass


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-kernels", action="store_true", help="run every op as its reference, without kernels"
    )
    parser.addoption(
        "--lib", choices=list(LIBS), help="only what the fixture `lib` runs on this array library"
    )


def pytest_configure(config: pytest.Config) -> None:
    # else every process that a test starts compiles the package anew, in half a second
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    cuda_on_host.folder()  # for the workers of pytest-xdist too, which have not started yet
    if config.getoption("--no-kernels"):
        backend._kernels = NoKernels()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare Python's garbage collector the thousands of tests, which live until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        with suppress(ImportError):  # when it is imported, it asks what refers to an object
            import hypothesis  # noqa: F401
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lib = config.getoption("--lib")
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    told: set[tuple[Path, str | None]] = set()
    for item in items:
        is_chosen = lib in (None, _lib_of(item)) and not _is_not_counted(item)
        if is_chosen and is_absent(_lib_of(item)):  # one test of a file says so for all
            is_chosen = (item.path, _lib_of(item)) not in told
            told.add((item.path, _lib_of(item)))
        (chosen if is_chosen else others).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = chosen


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n auto`, hand out whole files; see `tests/parallel.py`."""
    from tests.parallel import Files

    return Files(config, log)


def _lib_of(item: pytest.Item) -> str | None:
    """Return the name of the library that the fixture `lib` opens for a test, if it has one."""
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("lib")


def _is_not_counted(item: pytest.Item) -> bool:
    """Whether a figure of conformance would be of a library that nobody uses."""
    return "conformance" in item.path.parts and _lib_of(item) == "cupy-on-host"


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """Limit NumPy's BLAS: on a busy machine its threads wait for each other hundreds of times
    longer than a product of test size takes."""
    if find_spec("threadpoolctl") is None:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Leave the writing to the system: no file of a test has to survive a loss of power.

    Processes that tests start wait, as those of users do.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what was skipped, by its reason."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
    )
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")


@pytest.fixture(params=LIBS)
def lib(request: pytest.FixtureRequest) -> Iterator[Lib]:
    """Open one array library; afterwards, the ops know the kernels that they knew before."""
    if request.param == "cupy-on-host" and request.config.getoption("--no-kernels"):
        pytest.skip("cupy-on-host: there for its kernels alone")
    before = dict(backend._kernels)
    try:
        yield open_lib(request.param)
    finally:
        backend._kernels.clear()
        backend._kernels.update(before)


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    """Name the dtype of floating-point numbers, for tests that hold in both."""
    return str(request.param)


@pytest.fixture(scope="session")
def parts() -> Parts:
    """Return the training and the test part of the digits."""
    return xpcnn.data.load("digits")


@pytest.fixture
def install_cupy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return a function that puts a CuPy, as `fake_cupy` makes, in the place of any real one."""

    def put(cupy: Any) -> None:
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setitem(sys.modules, "array_api_compat.cupy", cupy)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.delenv("XPCNN_CUDA_KERNELS", raising=False)
        wheels = {} if cupy is None else {"cupy": ["cupy-cuda13x"]}
        problem = sys.modules["xpcnn.backends.cupy_problem"]
        monkeypatch.setattr(problem, "packages_distributions", lambda: wheels)

    backend.problem("cupy")  # imports the module
    return put
