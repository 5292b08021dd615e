"""What `info` tells of the machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

import xpcnn
from xpcnn import backend, environment
from xpcnn.errors import BackendError

ROOT = Path(__file__).parents[1]


def test_environment_is_complete_and_fits_json() -> None:
    facts = environment.describe()
    assert json.loads(json.dumps(facts)) == facts
    assert list(facts) == [
        "xpcnn",
        "python",
        "platform",
        "processor",
        "cpus",
        "packages",
        "blas",
        "simd",
        "threads",
        "kernels",
        "winograd",
        "dtypes",
        "gpu",
        "engines",
        "paths",
    ]
    assert facts["xpcnn"] == xpcnn.__version__
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["packages"]["numpy"] == numpy.__version__
    assert facts["blas"] == backend.load("numpy").describe()["blas"]


def test_dtypes_are_told_of_every_backend_installed_or_not() -> None:
    assert environment.describe()["dtypes"] == {
        "numpy": "float32, float64, float16",
        "cupy": "float32, float64, float16",
        "torch": "float32, float64, float16, bfloat16",
        "array_api_strict": "float32, float64",
    }


@pytest.mark.parametrize("name", backend.NAMES)
def test_a_backend_computes_in_the_dtypes_that_are_told(name: str) -> None:
    if backend.problem(name) is not None:
        pytest.skip("cannot be used here")
    opened = backend.load(name)
    told = backend.dtypes(name)
    for dtype in ("float32", "float64", "float16", "bfloat16"):
        if dtype in told:
            opened.check_computes_in(dtype)
        else:
            with pytest.raises(BackendError, match=f"does not compute in {dtype}"):
                opened.check_computes_in(dtype)


def test_a_package_that_is_missing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PACKAGES", ("numpy", "no-such-package"))
    packages = environment.versions()["packages"]
    assert packages == {"numpy": numpy.__version__, "no-such-package": None}


def test_gpu_state_is_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = {"cupy": ("no driver (none)", "install it"), "torch": None}
    loaded: list[tuple[str, str | None]] = []

    class Ready:
        def describe(self) -> dict[str, str]:
            return {"library": "PyTorch 2", "device": "NVIDIA Test"}

    def load(name: str, device: str | None = None) -> backend.Backend | Ready:
        loaded.append((name, device))
        return numpy_backend if name == "numpy" else Ready()

    numpy_backend = backend.load("numpy")
    monkeypatch.setattr(backend, "problem", lambda name, device=None: problems[name])
    monkeypatch.setattr(backend, "load", load)
    monkeypatch.setattr(sys, "platform", "linux")
    assert environment.describe()["gpu"] == {
        "cupy": "no driver (none). Try: install it",
        "torch cuda": "ready: library PyTorch 2, device NVIDIA Test",
    }
    assert loaded == [("numpy", None), ("torch", "cuda")]
    monkeypatch.setattr(sys, "platform", "darwin")
    assert set(environment.describe()["gpu"]) == {"cupy", "torch cuda", "torch mps"}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_cpus_are_those_that_the_process_may_use() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    assert run(code + "print(versions()['cpus'])") == "1"


def test_the_data_cache_follows_the_user_s_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if sys.platform != "linux":
        pytest.skip("XDG_CACHE_HOME is Linux's")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert environment.describe()["paths"] == {"data cache": str(tmp_path / "xpcnn")}
    assert not (tmp_path / "xpcnn").exists()


def test_versions_import_no_library() -> None:
    names = "('torch', 'cupy', 'pooch', 'pydantic', 'click')"
    code = f"import sys; versions(); print([name for name in {names} if name in sys.modules])"
    assert run(code) == "[]"


def run(code: str) -> str:
    command = [sys.executable, "-c", f"from xpcnn.environment import versions; {code}"]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    return ran.stdout.strip()
