"""The fixture `lib`: one test on every array library. The option `--no-kernels`: all on references;
`--lib NAME`: only the tests of one library; `-n auto`: on all cores.

NumPy on references is left out unless an option asks for it: CI runs all with `--no-kernels`.
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
from _pytest.runner import runtestprotocol

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
        gc.set_threshold(20_000)  # in place of 700: tests make few circles


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with the fixture `lib` on every library, unless it names its own."""
    given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    is_given = any("lib" in (n.split(",") if isinstance(n, str) else n) for n in given)
    if "lib" in metafunc.fixturenames and not is_given:
        lib, path = metafunc.config.getoption("--lib"), metafunc.definition.path
        names = [lib] if lib else [name for name in LIBS if _is_wanted(name, path)]
        metafunc.parametrize("lib", names, indirect=True)


_TOLD: set[tuple[Path, str]] = set()
"""The absent libraries that a test of a file skips with the reason."""


def _is_wanted(lib: str, path: Path) -> bool:
    if "conformance" in path.parts:
        if lib == "cupy-on-host":
            return False  # a figure would be of a library that nobody uses
    elif lib == "numpy-no-kernels":
        return False
    if is_absent(lib):
        if (path, lib) in _TOLD:
            return False
        _TOLD.add((path, lib))
    return True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lib = config.getoption("--lib")
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    told: set[tuple[Path, str | None]] = set()
    for item in items:
        is_chosen = lib in (None, _lib_of(item))
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


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Let a worker of pytest-xdist send one report of a test that passes, instead of five messages:
    what it sends takes longer than most tests. Not where somebody asks for times of set-up."""
    options = item.config.option
    if not hasattr(item.config, "workerinput") or options.durations or options.xmlpath:
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


def _lib_of(item: pytest.Item) -> str | None:
    """Return the name of the library that the fixture `lib` opens for a test, if it has one."""
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("lib")


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


@pytest.fixture(scope="module", autouse=True)
def _nothing_old_for_the_collector() -> None:
    """Free the circles that the file before left; spare the garbage collector all that still lives,
    such as imported packages: else it looks at it again and again."""
    gc.collect()
    gc.freeze()


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


@pytest.fixture
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
