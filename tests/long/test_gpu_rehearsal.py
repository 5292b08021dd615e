"""The GPU check, rehearsed whole: on NumPy, and as it runs on the day, on the stand-in for CuPy."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from tests.gpu import __main__ as gpu_check
from tests.gpu.section import ROOT

ON_NUMPY = [*gpu_check.CORRECTNESS, *gpu_check.MEASURES]
if sys.platform != "linux":
    ON_NUMPY.remove("memory")  # the rehearsal's limit of memory is Linux's
TIME = ("--seconds", "3600")  # that of a GPU stops sections on a busy machine
QUICK = ("bits", "files", "timing", "accuracy", "peak")
"""`memory` cannot be rehearsed on the stand-in."""

pytestmark = pytest.mark.timeout(900)  # minutes, where other processes want the cores


def test_on_numpy(tmp_path: Path) -> None:
    """All sections pass, from another folder; the file and the table say so."""
    script, out = ROOT / "tests" / "gpu_check.py", tmp_path / "results.json"
    flags = ["--backend", "numpy", "--quick", *TIME, "--out", "results.json", "--only", *ON_NUMPY]
    alone = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # no contest
    done = subprocess.run(
        [sys.executable, str(script), *flags],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=alone,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(out.read_text(encoding="utf-8"))
    assert results["passed"]
    assert results["rehearsal"]
    assert list(results["sections"]) == ON_NUMPY
    without = results["sections"].pop("convolutions")
    assert without["reason"] == "there are no CUDA kernels to time"
    left_out = results["sections"].pop("sanitizers")
    if shutil.which("compute-sanitizer") is None:
        assert left_out["reason"] == "compute-sanitizer is not installed"
    assert {s["status"] for s in results["sections"].values()} == {"passed"}
    assert results["versions"]["numpy"] == numpy.__version__
    assert "--quick" in results["command"]

    facts = {name: section["facts"] for name, section in results["sections"].items()}
    tests = [facts["suite"][lib] for lib in ("numpy", "numpy-no-kernels")]
    assert tests[0]["passed"] == tests[1]["passed"] > 5
    assert facts["training"]["digits in float32"]["largest relative difference"] <= 1e-4
    for name in ("timing", "half"):
        [timed] = [fact for fact in facts[name].values() if isinstance(fact, dict)]
        assert timed["ms"]["xpcnn"] > 0
        assert timed["times as fast as PyTorch"] is None  # a CPU's ratio would be no measurement
    assert facts["accuracy"]["digits to 50.0%, warm cache"]["accuracy"] > 0.5
    assert "xpcnn" in facts["peak"]["digits, batch 16"]["bytes"]
    assert "timing: passed" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("passed after ")


def test_on_the_stand_in(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    flags = ["--quick", *TIME, "--out", str(out), "--kernels", "0", "--only"]
    path = os.pathsep.join((str(ROOT / "tests" / "gpu" / "stand_in"), str(ROOT)))
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "gpu_check.py"), *flags, *QUICK],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(out.read_text(encoding="utf-8"))
    assert list(results["sections"]) == list(QUICK)
    assert {section["status"] for section in results["sections"].values()} == {"passed"}
    assert results["rehearsal"]
    assert results["device"]["device"] == "NVIDIA Test"
