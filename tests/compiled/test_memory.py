"""Where memory ends, a kernel in C says so, and all goes on where there is more of it; arrays that
lie where a number of C cannot."""

import os
import re
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.compiled.support import compiled, cut, library, require_compiler
from tests.waiting import PATIENCE
from xpcnn import Model
from xpcnn.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential

memory: Any = import_module("xpcnn.backends.numpy_kernels.memory")
threads: Any = import_module("xpcnn.backends.numpy_kernels.threads")
ROOT = Path(__file__).parents[2]
MANY = 1 << 20


def limited(bytes_more: int) -> None:
    """Let this process take so many bytes more than it has, in all of its address space."""
    import resource

    memory.release()  # or what was freed before would do
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + bytes_more, most))


def unlimited() -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def ones(*shape: int) -> Any:
    return numpy.ones(shape, "float32")


def calls() -> dict[str, Any]:
    """Return calls that need much memory besides that of their arguments and results."""
    conv, dense = compiled.KERNELS["conv2d"], compiled.KERNELS["dense"]
    x, w = ones(1, MANY // 2, 1, 2), ones(1, MANY // 2, 1, 2)
    _, pullback = conv(x, w)
    tall, one = ones(1, 1, 255, 16 * 1024), ones(8, 1, 1, 1)
    return {
        "conv2d": lambda: conv(x, w),
        "gradient of w in conv2d": lambda: pullback(ones(1, 1, 1, 1), (False, True, False)),
        "conv_relu_pool": lambda: compiled.KERNELS["conv_relu_pool"](
            tall, one, pool=(255, 1), grad=False
        ),
        "dense": lambda: dense(x.reshape(1, MANY), w.reshape(MANY, 1)),
    }


def tell() -> None:
    """Print what each call says without memory and computes with it; the first needs no threads."""
    few = ones(16, 8, 32, 32)
    limited(1 << 22)  # less than the stack of a thread
    with cut(8, 4):
        y, _ = compiled.KERNELS["conv2d"](few, few[:8, :, :3, :3])
    print("conv2d without threads:", y.shape, len(os.listdir("/proc/self/task")))
    unlimited()
    for op, call in calls().items():
        limited(6 << 20)
        try:
            call()
            print(f"{op} needs no memory")
        except MemoryError as error:
            print(error)
        unlimited()
        result = call()
        first = next(a for a in result if a is not None)
        print(f"{op}: {first.size} computed")


def test_a_call_without_memory_names_the_op_and_the_bytes() -> None:
    require_compiler()
    if not Path("/proc/self/statm").exists():
        pytest.skip("/proc: not on this system")
    code = "from tests.compiled.test_memory import tell; tell()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"XPCNN_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "conv2d without threads: (16, 8, 30, 30) 1"
    found = re.findall(
        r"(.+): ([\d,]+) bytes of memory could not be allocated\n\1: (\d+) computed\n", done.stdout
    )
    lists, vector = 16 * MANY, 32  # bytes; of a vector with AVX-512 twice as many
    needed = {
        "conv2d": (lists, 1),
        "gradient of w in conv2d": (lists + vector * MANY, MANY),
        "conv_relu_pool": (8 * 255 * 16 * 1024 * 4, 8 * 16 * 1024),
        "dense": (lists, 1),
    }
    assert [op for op, _, _ in found] == list(needed)
    for op, missing, computed in found:
        least, size = needed[op]
        assert least <= int(missing.replace(",", "")) < 2 * least, op
        assert int(computed) == size, op


def test_a_model_stays_usable(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_compiler()
    if request.config.getoption("--no-kernels"):
        pytest.skip("kernels: turned off by --no-kernels")
    layers: list[Any] = [Conv2D(2, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(2)]
    model = Model(Sequential(layers), input_shape=(1, 6, 6), seed=0)
    x, labels = ones(8, 1, 6, 6), numpy.arange(8) % 2
    before, called = model.predict_proba(x), library.Call.__call__

    def fail(self: Any, *arguments: Any) -> None:
        if self.op == "gradient of w in conv2d":
            raise MemoryError(f"{self.op}: 1 bytes of memory could not be allocated")
        called(self, *arguments)

    monkeypatch.setattr(library.Call, "__call__", fail)
    with pytest.raises(MemoryError, match="gradient of w in conv2d: 1 bytes"):
        model.fit((x, labels), epochs=1)
    monkeypatch.undo()
    assert model.predict_proba(x).tobytes() == before.tobytes()
    model.fit((x, labels), epochs=1)


def test_without_threads_of_the_system_the_caller_does_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = iter([True, False, False])
    start = threading.Thread.start

    def refuse(self: threading.Thread) -> None:
        if not next(given):
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for _ in range(2):  # with one thread, with none
        pool = threads.Pool(3)
        done: list[int] = []
        pool.run(done.append, 5)
        assert sorted(done) == list(range(5))
        pool.close()


def misaligned(x: Any) -> Any:
    """Return a copy of x, in its memory order, that begins one byte behind where a number may."""
    row = x.reshape(-1) if x.flags.c_contiguous else x.T.reshape(-1)
    moved = numpy.frombuffer(b"." + row.tobytes(), x.dtype, x.size, 1)
    moved = moved.reshape(x.shape) if x.flags.c_contiguous else moved.reshape(x.T.shape).T
    assert not moved.flags.aligned
    return moved


@pytest.mark.parametrize("op", ["conv2d", "conv_relu_pool", "dense", "batch_norm", "relu", "tanh"])
def test_misaligned_arrays_are_copied(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_compiler()
    rng = numpy.random.default_rng(0)
    x = rng.standard_normal((9, 3, 5, 4)).astype("float32").T.copy().T  # in another order too
    w, b = rng.standard_normal((3, 3, 2, 2)).astype("float32"), ones(3)
    arrays = {"dense": [x[:, :, 0, 0].copy(), w[0, 0].repeat(2, 0)[:3], b[:2]]}
    arrays |= {"batch_norm": [x, b, b], "relu": [x], "tanh": [x]}
    given = arrays.get(op, [x, w, b])
    address, addresses = library.address, []

    def noted(x: Any) -> Any:
        addresses.append(address(x))
        return addresses[-1]

    monkeypatch.setattr(library, "address", noted)
    results = []
    for move in (False, True):
        y, pullback = compiled.KERNELS[op](*(misaligned(a) if move else a for a in given))
        first = y[0] if isinstance(y, tuple) else y
        dy = first.copy()
        results.append([first, *pullback(misaligned(dy) if move else dy)])
    for plain, moved in zip(*results, strict=True):
        assert plain.tobytes() == moved.tobytes()
    assert addresses
    assert all(x % 4 == 0 for x in addresses)


def test_batches_begin_with_a_cache_line() -> None:
    require_compiler()
    images = [numpy.zeros((5, 3, k, k), "uint8") for k in (1, 2, 3, 5, 8, 40)]
    mean, std = numpy.zeros((2, 3), "float32")
    batches = [compiled.KERNELS["normalise"](x, mean, std + 1) for x in images]
    maps = numpy.tile(numpy.asarray([1, 0, 0, 1, 0, 0], "float32"), (5, 1))
    batches += [compiled.KERNELS["affine"](x, maps) for x in batches]
    assert [x.ctypes.data % memory.ALIGNED for x in batches] == [0] * 12
