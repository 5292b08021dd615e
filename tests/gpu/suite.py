"""The suite's own tests on the device, and the same selection on NumPy's references beside them.

What counts is that every test of the baseline ends alike on both.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.gpu.section import ROOT, Finding, Options

BASELINE = "numpy-no-kernels"
TESTS = (
    *("tests/ops", "tests/layers", "tests/optimizers", "tests/training"),
    *("tests/test_losses.py", "tests/test_metrics.py", "tests/test_model.py"),
    *(
        "tests/test_testing.py",
        "tests/test_testing_forms.py",
        "tests/conformance/test_r5_gradients.py",
    ),
)
QUICK = ("tests/test_losses.py",)
FLAGS = (
    *("-q", "--no-header", "-p", "no:cacheprovider", "-p", "tests.gpu.outcomes"),
    # the project's own settings are for plugins and versions that need not be here
    *("-o", "addopts=", "-o", "filterwarnings=default"),
)


@dataclass
class Ended:
    """What became of the tests on one library."""

    selected: int = 0
    outcomes: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> "Ended":
        tests = cls()
        for line in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if "selected" in entry:
                tests.selected = entry["selected"]
            else:
                tests.outcomes[entry["test"]] = entry["outcome"]
                tests.texts[entry["test"]] = entry["text"]
        return tests

    def named(self, outcome: str) -> dict[str, str]:
        """Return the texts of the tests with an outcome."""
        return {test: self.texts[test] for test, o in self.outcomes.items() if o == outcome}

    def facts(self) -> dict[str, Any]:
        counts = Counter(self.outcomes.values())
        return {
            "selected": self.selected,
            **{outcome: counts[outcome] for outcome in ("passed", "failed", "skipped")},
            "not run": self.selected - len(self.outcomes),
            "skips": dict(Counter(self.named("skipped").values())),
            "failures": dict(list(self.named("failed").items())[:60]),
        }

    def problem(self) -> str | None:
        failed, missing = len(self.named("failed")), self.selected - len(self.outcomes)
        if failed or missing or not self.outcomes:
            return f"of {self.selected} tests {failed} failed, {missing} did not run"
        return None


def findings(options: Options) -> Iterator[Finding]:
    """Run both at once, each in a process of its own, and compare test by test."""
    libs = (options.backend, BASELINE)
    with tempfile.TemporaryDirectory() as folder:
        files = {lib: Path(folder) / lib for lib in libs}
        logs = {lib: Path(folder) / f"{lib}.log" for lib in libs}
        started = {lib: _start(lib, files[lib], logs[lib], options) for lib in libs}
        codes = {lib: _wait(process, options) for lib, process in started.items()}
        tests = {lib: Ended.read(files[lib]) for lib in libs}
        for lib in libs:
            log = logs[lib].read_text(encoding="utf-8", errors="replace")
            problem = tests[lib].problem()
            if codes[lib] not in (0, 1):  # 1: tests failed
                problem = f"{problem or 'pytest'}; exit code {codes[lib]}: {log[-1500:]}"
            yield Finding(lib, tests[lib].facts() | {"last line": _last(log)}, problem)
    differ = differences(*(tests[lib] for lib in libs))
    yield Finding(
        "tests that end otherwise than on " + BASELINE,
        differ[:60],
        f"{len(differ)} tests" if differ else None,
    )


def differences(ours: Ended, baseline: Ended) -> list[str]:
    """Name the tests of the baseline that did not end alike; a library may have more of its own."""
    pairs = {test: (ours.outcomes.get(test, "absent"), b) for test, b in baseline.outcomes.items()}
    return [f"{test}: {a}, not {b}" for test, (a, b) in pairs.items() if a != b]


def _start(lib: str, file: Path, log: Path, options: Options) -> subprocess.Popen[bytes]:
    file.touch()
    tests = QUICK if options.quick else [t for t in TESTS if (ROOT / t).exists()]
    command = [sys.executable, "-m", "pytest", *FLAGS, "--outcomes", str(file), "--lib", lib]
    with log.open("wb") as out:
        return subprocess.Popen([*command, *tests], cwd=ROOT, stdout=out, stderr=out)


def _wait(process: subprocess.Popen[bytes], options: Options) -> int:
    try:
        return process.wait(max(options.left(), 0.1))
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _last(log: str) -> str:
    lines = log.strip().splitlines()
    return lines[-1] if lines else ""
