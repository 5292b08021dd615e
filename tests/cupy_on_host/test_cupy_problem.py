"""Why CuPy cannot be used: the four causes, each with its remedy.

The real path is taken where it can be (a subprocess that finds no CuPy, or a broken one); the
others are fed through a CuPy made of NumPy.
"""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.fake_cupy import CompileError, CudaError, cause, fake_cupy, raising
from xpcnn import backend

ROOT = Path(__file__).parents[2]


def test_not_on_macos(install_cupy: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    install_cupy(None)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cause() == (
        "not installed (there is no CUDA on macOS)\nTry: backend 'torch' on device 'mps'"
    )


def test_no_driver(install_cupy: Callable[[Any], None]) -> None:
    insufficient = CudaError(35, "cudaErrorInsufficientDriver: CUDA driver version is insufficient")
    install_cupy(fake_cupy(count=raising(insufficient), driver=0))
    assert cause() == (
        "no driver (CUDA finds none on this machine)\n"
        "Try: install the NVIDIA driver (in a container: start it with --gpus all)"
    )


def test_driver_too_old(install_cupy: Callable[[Any], None]) -> None:
    insufficient = CudaError(35, "cudaErrorInsufficientDriver: CUDA driver version is insufficient")
    install_cupy(fake_cupy(count=raising(insufficient), driver=12040))
    assert cause() == (
        "no driver for CUDA 13 (the one here serves CUDA 12)\n"
        'Try: pip uninstall -y cupy-cuda13x && pip install "cupy-cuda12x[ctk]"'
    )
    install_cupy(fake_cupy(count=raising(insufficient), driver=11080))
    assert cause() == (
        "no driver for CUDA 13 (the one here serves CUDA 11)\nTry: a newer NVIDIA driver"
    )


def test_driver_that_does_not_work(install_cupy: Callable[[Any], None]) -> None:
    mismatch = CudaError(
        803, "cudaErrorSystemDriverMismatch: system has unsupported display driver"
    )
    install_cupy(fake_cupy(count=raising(mismatch), driver=13000))
    assert cause() == (
        "no driver that works (cudaErrorSystemDriverMismatch: system has unsupported display "
        "driver)\nTry: restart the machine, then `nvidia-smi`"
    )


@pytest.mark.parametrize("count", [lambda: 0, raising(CudaError(100, "cudaErrorNoDevice"))])
def test_no_device(
    install_cupy: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch, count: Callable[[], int]
) -> None:
    install_cupy(fake_cupy(count=count))
    assert cause() == (
        "no device (the driver finds no GPU)\nTry: `nvidia-smi -L`, which must list a GPU"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cause() == (
        "no device (CUDA_VISIBLE_DEVICES='' hides them)\nTry: unset CUDA_VISIBLE_DEVICES"
    )


def test_no_such_device(install_cupy: Callable[[Any], None]) -> None:
    install_cupy(fake_cupy())
    assert cause(2) == "no device 2 (devices: 2, counted from 0)\nTry: device 0"
    assert cause("cuda:7") == "no device 7 (devices: 2, counted from 0)\nTry: device 0"
    assert cause("mps") == "no device 'mps'\nTry: a number: 0 is the first device"
    assert cause(-1) == "no device -1\nTry: a number: 0 is the first device"


def test_device_that_does_not_answer(install_cupy: Callable[[Any], None]) -> None:
    busy = CudaError(46, "cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy")
    install_cupy(fake_cupy(ones=raising(busy)))
    assert cause(1) == (
        "no device that answers (device 1: cudaErrorDevicesUnavailable: CUDA-capable device(s) "
        "is/are busy)\nTry: `nvidia-smi`, which shows what holds the device"
    )
    install_cupy(fake_cupy(ones=raising(MemoryError("out of memory allocating 512 bytes"))))
    assert cause().startswith("no device that answers (device 0: out of memory allocating")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError('Failure finding "libnvrtc.so.13"\nlong explanation'),
        ImportError('\nFailure finding "libnvrtc.so.13"'),
        OSError('Failure finding "libnvrtc.so.13"'),
        CompileError('Failure finding "libnvrtc.so.13"'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_broken_libraries(install_cupy: Callable[[Any], None], error: Exception) -> None:
    install_cupy(fake_cupy(ones=raising(error)))
    assert cause() == (
        'broken libraries (Failure finding "libnvrtc.so.13")\nTry: pip install "cupy-cuda13x[ctk]"'
    )


def test_an_error_of_another_kind_is_not_called_broken_libraries(
    install_cupy: Callable[[Any], None],
) -> None:
    install_cupy(fake_cupy(ones=raising(KeyError("a bug"))))
    with pytest.raises(KeyError, match="a bug"):
        backend.load("cupy")


def test_two_wheels_overwrite_each_other(
    install_cupy: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_cupy(fake_cupy(ones=raising(ImportError("undefined symbol"))))
    both = {"cupy": ["cupy-cuda13x", "cupy-cuda12x", "cupy-cuda13x"]}
    module = sys.modules["xpcnn.backends.cupy_problem"]
    monkeypatch.setattr(module, "packages_distributions", lambda: both)
    assert cause() == (
        "broken libraries (undefined symbol)\n"
        'Try: pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install "cupy-cuda13x[ctk]"'
    )


def load_in_subprocess(folder: Path, *path: Path) -> str:
    code = (
        "from xpcnn import backend\n"
        "from xpcnn.errors import BackendError\n"
        "try: backend.load('cupy')\n"
        "except BackendError as error: print(error)\n"
    )
    places = [str(p) for p in (*path, ROOT)]
    code = f"import sys; sys.path[:0] = {places}\n{code}"
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout


def test_real_import_that_fails_is_broken_libraries(tmp_path: Path) -> None:
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text(
        "raise ImportError('\\n=====\\nCuPy failed to import\\n\\nlibcudart.so.13: no such file')"
    )
    (tmp_path / "cupy_cuda12x-14.0.dist-info").mkdir()
    (tmp_path / "cupy_cuda12x-14.0.dist-info" / "METADATA").write_text("Name: cupy-cuda12x\n")
    (tmp_path / "cupy_cuda12x-14.0.dist-info" / "top_level.txt").write_text("cupy\n")
    told = load_in_subprocess(tmp_path, tmp_path)
    assert told.startswith(
        "backend 'cupy' cannot be used: broken libraries (importing CuPy: CuPy failed to import)\n"
    )
    assert "cupy-cuda12x" in told.splitlines()[1]


def test_real_absence_or_real_state_is_told_in_words(tmp_path: Path) -> None:
    told = load_in_subprocess(tmp_path)
    if find_spec("cupy") is None:
        assert told.startswith("backend 'cupy' cannot be used: not installed (")
    else:
        causes = ("no driver", "no device", "broken libraries")
        refused = tuple(f"backend 'cupy' cannot be used: {words}" for words in causes)
        assert told == "" or told.startswith(refused)
    assert told == "" or told.splitlines()[1].startswith("Try: ")
