"""Threads of the NumPy kernels: only inside a session, and nothing of them is left behind."""

import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import xpcnn
from tests.waiting import PATIENCE
from xpcnn import backend, ops
from xpcnn.errors import BackendError
from xpcnn.layers import Dense, Flatten

threads = importlib.import_module("xpcnn.backends.numpy_kernels.threads")


@pytest.fixture(autouse=True)
def _three_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_NUM_THREADS", "3")
    monkeypatch.setattr(threads, "_sessions", threads._Sessions())
    backend.load("numpy")


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_a_session_gives_the_blas_one_thread_and_then_back_what_it_had() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with threads.session():
            assert set(blas_threads()) <= {1}
            with threads.session():
                assert set(blas_threads()) <= {1}
            assert set(blas_threads()) <= {1}
        assert blas_threads() == before


def test_freed_memory_stays_in_a_session_and_then_goes_back() -> None:
    if sys.platform != "linux":
        pytest.skip("reads what Linux tells")

    def held() -> int:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    size = 1 << 26
    threads.memory.release()  # what tests before have freed would be taken first
    before = held()
    with threads.session():
        array = numpy.ones(size, numpy.uint8)
        del array
        assert held() - before > size // 2
    assert held() - before < size // 2


def in_a_thread(work: Callable[[], None]) -> None:
    """Run work in another thread, and raise here what it raises."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(work).result(timeout=PATIENCE)


def test_sessions_of_other_threads_hold_and_end_too() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()

        def session() -> None:
            with threads.session():
                assert set(blas_threads()) <= {1}

        session()
        in_a_thread(session)
        assert blas_threads() == before
        # opened here, closed there
        first, second = threads.session(), threads.session()
        first.__enter__()
        in_a_thread(second.__enter__)
        first.__exit__(None, None, None)
        assert set(blas_threads()) <= {1}
        in_a_thread(lambda: second.__exit__(None, None, None))
        assert blas_threads() == before


def test_pieces_cover_the_range_and_run_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=PATIENCE)
    seen: list[tuple[int, int]] = []

    def work(start: int, stop: int) -> None:
        together.wait()
        seen.append((start, stop))

    with threads.session():
        threads.parallel_for(work, 10, threads.SMALL)
    assert sorted(seen) == [(0, 3), (3, 6), (6, 10)]


@pytest.mark.parametrize("inside", [True, False])
def test_small_work_and_work_outside_of_a_session_stay_here(inside: bool) -> None:
    seen: list[tuple[int, int, str]] = []

    def work(start: int, stop: int) -> None:
        seen.append((start, stop, threading.current_thread().name))

    here = threading.current_thread().name
    if inside:
        with threads.session():
            threads.parallel_for(work, 10, threads.SMALL - 1)
    else:
        threads.parallel_for(work, 10, threads.SMALL)
    assert seen == [(0, 10, here)]


@pytest.mark.parametrize("where", [0, 1, 2])
def test_an_error_in_a_piece_is_raised_here_and_the_pool_lives_on(where: int) -> None:
    def fail(start: int, stop: int) -> None:
        if start == where:
            raise ZeroDivisionError

    with threads.session():
        with pytest.raises(ZeroDivisionError):
            threads.parallel_for(fail, 3, threads.SMALL)
        test_pieces_cover_the_range_and_run_at_the_same_time()


def test_the_errstate_of_the_caller_holds_in_every_piece() -> None:
    def overflow(start: int, stop: int) -> None:
        numpy.full(4, 1e308) * 10

    with threads.session():
        with numpy.errstate(over="ignore"):
            threads.parallel_for(overflow, 3, threads.SMALL)
        with numpy.errstate(over="raise"), pytest.raises(FloatingPointError):
            threads.parallel_for(overflow, 3, threads.SMALL)


def test_results_with_and_without_threads_agree() -> None:
    rng = numpy.random.default_rng(0)
    x = rng.normal(size=(32, 8, 20, 20))
    w, b = rng.normal(size=(8, 8, 3, 3)), rng.normal(size=8)
    results = []
    for session in (threads.session, None, threads.session):
        with session() if session else threadpool_limits(1):
            y, pullback = ops.conv2d(x, w, b, padding=1)
            results.append([y, *pullback(y)])
    for threaded, alone, again in zip(*results, strict=True):
        numpy.testing.assert_allclose(threaded, alone, rtol=1e-12, atol=1e-9)
        assert threaded.tobytes() == again.tobytes()


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads.thread_count() == 3
    monkeypatch.setenv("XPCNN_NUM_THREADS", "")
    assert 1 <= threads.thread_count() <= (os.cpu_count() or 1)
    cores = threads.thread_count()
    few = {"1": 1, "1,4": 1, "4096": cores, "0": cores, "many": cores, "": cores}
    for given, expected in few.items():  # what OpenMP reads, as joblib sets it in its workers
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        assert threads.thread_count() == expected
    for given in ("0", "many", "²", "-1"):
        monkeypatch.setenv("XPCNN_NUM_THREADS", given)
        with pytest.raises(BackendError) as caught:
            backend.load("numpy")
        assert str(caught.value) == (
            f"backend 'numpy' cannot be used: XPCNN_NUM_THREADS is {given!r}, expected a whole "
            "number from 1 on\nTry: XPCNN_NUM_THREADS=2, or unset it, for all cores"
        )


def test_another_number_of_threads_from_the_next_session_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def names() -> set[str]:
        seen: set[str] = set()
        together = threading.Barrier(threads.thread_count(), timeout=PATIENCE)

        def work(start: int, stop: int) -> None:
            together.wait()
            seen.add(str(threading.get_ident()))

        with threads.session():
            threads.parallel_for(work, 12, threads.SMALL)
        return seen

    assert len(names()) == 3
    monkeypatch.setenv("XPCNN_NUM_THREADS", "2")
    assert len(names()) == 2


def test_without_threadpoolctl_the_blas_keeps_its_threads_and_info_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = blas_threads()
    monkeypatch.setattr(threads, "find_spec", lambda name: None)
    seen: list[tuple[int, int]] = []
    with threads.session():
        threads.parallel_for(lambda start, stop: seen.append((start, stop)), 10, threads.SMALL)
        assert blas_threads() == before
    assert seen == [(0, 10)]
    described = backend.load("numpy").describe()["threads"]
    assert described == "the BLAS's own, no threadpoolctl"


def test_a_pool_that_cannot_be_made_leaves_the_blas_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(size: int) -> None:
        raise RuntimeError("can't start new thread")

    before = blas_threads()
    monkeypatch.setattr(threads, "Pool", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"), threads.session():
        pass
    assert blas_threads() == before
    assert threads._sessions.open == 0


def test_a_forked_process_has_a_pool_of_its_own() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    code = (
        "import os, sys, warnings; warnings.simplefilter('ignore'); import xpcnn.backend\n"
        "from xpcnn.backends.numpy_kernels import threads\n"
        "seen = []\n"
        "def run():\n"
        "    with threads.session():\n"
        "        threads.parallel_for(lambda a, b: seen.append(b), 4, 1 << 30)\n"
        "run()\n"
        "with threads.session():\n"
        "    child = os.fork()\n"
        "    if child == 0: run(); os._exit(len(seen))\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=PATIENCE)
    assert done.returncode == 2 * 3


def test_training_leaves_the_threads_of_the_blas_alone() -> None:
    train, test = xpcnn.data.load("digits")
    model = xpcnn.Model([Flatten(), Dense(10)], input_shape=train.shape)
    before = blas_threads()
    model.fit(train.subset(range(64)), epochs=1)
    model.evaluate(test)
    model.predict(test.images)
    assert blas_threads() == before
