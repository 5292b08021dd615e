"""The threads of the kernels in C: the same bits, no call lost, asleep when there is no work."""

import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.compiled.support import compiled, cut, require_compiler
from tests.lib import Host
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
RNG = numpy.random.default_rng(0)
MANY = 10_000  # calls


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def normal(*shape: int) -> Host:
    return RNG.standard_normal(shape).astype("float32")


def bits(op: str, arrays: list[Host], pieces: int, threads: int, **options: Any) -> list[bytes]:
    """Return the bits of the outputs and the gradients."""
    with cut(pieces, threads):
        y, pullback = compiled.KERNELS[op](*arrays, **options)
        outputs = y if isinstance(y, tuple) else (y,)
        y = outputs[0]
        gradients = pullback(numpy.cos(numpy.arange(y.size, dtype="float32")).reshape(y.shape))
    return [a.tobytes() for a in (*outputs, *gradients)]


X, W, B = normal(17, 6, 13, 11), normal(7, 6, 3, 3), normal(7)
CALLS: list[tuple[str, list[Host], dict[str, Any]]] = [
    ("conv2d", [X, W, B], {"padding": 1}),
    ("conv_relu_pool", [X, W, B], {"padding": 1, "pool": 2}),
    ("dense", [normal(33, 100), normal(100, 41), normal(41)], {}),
    ("batch_norm", [X, normal(6), normal(6)], {}),
    ("batch_norm_relu", [X, normal(6), normal(6)], {"pool": 2}),
    ("relu", [X], {}),
    ("tanh", [X], {}),
    ("avg_pool2d", [X], {"size": 2}),
]
CUTS = [(1, 2), (2, 2), (3, 3), (5, 5), (13, 3), (40, 2)]  # more pieces than threads, or than rows


@pytest.mark.parametrize(("op", "arrays", "options"), CALLS, ids=[call[0] for call in CALLS])
def test_the_same_bits_for_any_number_of_threads(
    op: str, arrays: list[Host], options: dict[str, Any]
) -> None:
    """Or, of the same number, in every run: gradients of filters, which are sums over pieces, and
    dense products, whose last rows a compiler may add up in another way than whole tiles."""
    alone = bits(op, arrays, 1, 1, **options)
    sums = {"conv2d": (2, 3), "conv_relu_pool": (2, 3), "dense": (0, 1, 2)}.get(op, ())
    for pieces, threads in CUTS:
        shared = bits(op, arrays, pieces, threads, **options)
        for i, (got, expected) in enumerate(zip(shared, alone, strict=True)):
            assert got == expected or i in sums, (pieces, threads, i)
        assert bits(op, arrays, pieces, threads, **options) == shared


def test_calls_of_many_threads_at_once() -> None:
    x = normal(10_000)
    expected = numpy.maximum(x, 0)

    def calls(count: int) -> None:
        for _ in range(count):
            y, _ = compiled.KERNELS["relu"](x)
            assert numpy.array_equal(y, expected)

    with cut(8, 3), ThreadPoolExecutor(4) as executor:
        together = [executor.submit(calls, MANY // 4) for _ in range(4)]
        for future in together:
            future.result(timeout=PATIENCE)


def python(code: str) -> None:
    """Run code, after a function `work()` that returns bits, in a process of its own."""
    before = (
        "import os, signal, sys, threading, time, warnings\n"
        "warnings.simplefilter('ignore')  # of forking a process with threads\n"
        "from tests.compiled.test_threads import CALLS, bits\n"
        "def work(): return bits(*CALLS[1][:2], 6, 3, **CALLS[1][2])\n"
        "expected = work()\n"
    )
    command = [sys.executable, "-c", before + code]
    subprocess.run(command, check=True, timeout=PATIENCE, cwd=ROOT)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

FORKS = f"""
def child():
    signal.alarm({PATIENCE:.0f})  # a call that hangs ends here
    same, tasks = work() == expected, '/proc/self/task'  # on Linux
    own_threads = not os.path.exists(tasks) or len(os.listdir(tasks)) == 3
    os._exit(0 if same and own_threads else 1)

def fork():
    process = os.fork()
    if process == 0:
        child()
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
"""


@needs_fork
def test_a_forked_process_computes_the_same() -> None:
    python(FORKS + "assert fork() == 0\nassert work() == expected\nassert fork() == 0")


@needs_fork
def test_a_process_forked_while_other_threads_compute() -> None:
    code = """
going = True
def busy():
    while going:
        assert work() == expected
threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads: thread.start()
codes = [fork() for _ in range(20)]
going = False
for thread in threads: thread.join()
assert codes == [0] * 20, codes
"""
    python(FORKS + code)


def test_idle_threads_sleep() -> None:
    """At the latest when each has had a processor for a moment, which a busy machine delays."""
    python(
        "took = 1.0\n"
        "while took > 0.02:\n"
        "    before = time.process_time()\n"
        "    time.sleep(0.3)\n"
        "    took = time.process_time() - before\n"
    )


CALLERS = """
#include "threads.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
enum { MOST_PIECES = 64 };
struct Arguments { long in[MOST_PIECES], *out, bytes; };

static long task(const Arguments *w, long piece)
{
    w->out[piece] = 2 * w->in[piece];
    return piece == 0 ? w->bytes : 0;
}

static void *calls(void *argument)
{
    unsigned seed = (unsigned)(long)argument;
    for (long call = 0; call < 5000; call++) {
        long out[MOST_PIECES];
        Arguments w = {.out = out};
        long pieces = 1 + rand_r(&seed) % MOST_PIECES;
        for (long i = 0; i < pieces; i++)
            w.in[i] = call + i;
        w.bytes = call % 2 ? call : 0;
        if (run_pieces(task, &w, pieces, 1 + rand_r(&seed) % 6) != w.bytes)
            exit(2);
        for (long i = 0; i < pieces; i++)
            if (out[i] != 2 * (call + i) && !w.bytes)
                exit(1);
        if (call % 100 == 0) /* longer than a helper's patience */
            for (volatile long x = 0; x < 300000; x++)
                ;
    }
    return 0;
}

int main(void)
{
    pthread_t callers[3];
    for (long i = 0; i < 3; i++)
        pthread_create(callers + i, 0, calls, (void *)(i + 1));
    for (long i = 0; i < 3; i++)
        pthread_join(callers[i], 0);
    puts("all done");
}
"""


def test_no_two_threads_touch_the_same_at_once(tmp_path: Path) -> None:
    """Three threads call `run_pieces` at the same time, under the compiler's watch."""
    gcc, kernels = shutil.which("gcc"), ROOT / "backends" / "kernels"
    program, source = tmp_path / "callers", tmp_path / "callers.c"
    flags = ["-O2", "-g", "-std=gnu11", "-pthread", "-fsanitize=thread", f"-I{kernels}"]
    source.write_text("int main(void) { return 0; }")
    empty = [str(gcc), *flags, str(source), "-o", str(program)]
    if gcc is None or subprocess.run(empty, capture_output=True).returncode:
        pytest.skip("ThreadSanitizer of GCC: not installed")
    source.write_text(CALLERS)
    files = [str(source), str(kernels / "threads.c"), "-o", str(program)]
    subprocess.run([gcc, *flags, *files], check=True)
    # it knows only some layouts of memory
    command = ["setarch", platform.machine(), "-R"] if shutil.which("setarch") else []
    done = subprocess.run([*command, program], capture_output=True, text=True, timeout=PATIENCE)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer: does not know this system's memory layout")
    assert (done.returncode, done.stdout) == (0, "all done\n"), done.stderr[:3000]
