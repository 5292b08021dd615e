"""The GPU check as it runs on the day, on the stand-in for CuPy: no section ends by a mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.gpu.section import ROOT

SECTIONS = ("bits", "files", "timing", "accuracy", "peak")
"""The quick ones. `memory` cannot be rehearsed here."""


def test_sections_on_the_stand_in(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    flags = ["--quick", "--seconds", "600", "--out", str(out), "--kernels", "0", "--only"]
    path = os.pathsep.join((str(ROOT / "tests" / "gpu" / "stand_in"), str(ROOT)))
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "gpu_check.py"), *flags, *SECTIONS],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(out.read_text(encoding="utf-8"))
    assert list(results["sections"]) == list(SECTIONS)
    assert {section["status"] for section in results["sections"].values()} == {"passed"}
    assert results["rehearsal"]
    assert results["device"]["device"] == "NVIDIA Test"
