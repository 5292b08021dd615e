"""Check a GPU section by section, print what comes out, write it as JSON.

With CuPy, every section runs with each value of XPCNN_CUDA_KERNELS: 0, 1, all and graph, and where
cuDNN is installed cudnn and cudnn-graph. The exit code is 0 if no section failed and all that say
something about correctness passed.
"""

import argparse
import dataclasses
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import xpcnn
from tests.gpu import memory
from tests.gpu.report import section_lines, table
from tests.gpu.section import GRACE, ROOT, Options, Outcome, run
from xpcnn import backend as backends

CORRECTNESS = {"bits": 60, "files": 60, "memory": 60, "training": 180, "suite": 300}
"""Sections with the most seconds that each may take, side by side where there are processors."""

MEASURES = {
    "timing": 4,
    "convolutions": 1,
    "half": 1,
    "accuracy": 3,
    "airbench": 3,
    "peak": 1,
    "sanitizers": 2,
}
"""Sections that run alone, and how the time that is left is shared among them."""

SECTIONS = (*CORRECTNESS, *MEASURES)
OF_KERNELS = ("sanitizers", "convolutions")  # not with 0, which is none
ENVIRONMENT = {"memory": memory.ENVIRONMENT, "timing": {"CUPY_TF32": "0"}}
WITH_CUDNN = ("cudnn", "cudnn-graph")
KERNELS = ("0", "1", "all", "graph", *WITH_CUDNN)
WITH_KERNELS = ", kernels "  # behind the name of a section, before other settings than 0
SECONDS = 440  # with the grace of the last section, well inside 8 minutes
LEAST = 5  # seconds for a section to start with

PACKAGES = ("numpy", "array-api-compat", "threadpoolctl", "pytest", "safetensors", "torch")
CUPY = ("cupy", "cupy-cuda12x", "cupy-cuda13x")
CUDNN = ("nvidia-cudnn-cu12", "nvidia-cudnn-cu13")
QUERY = "name,driver_version,memory.total,clocks.sm,clocks.mem,power.limit"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections; return the exit code."""
    given = parse(arguments)
    out = None if given.out is None else given.out.resolve()
    problem = backends.problem(given.backend, given.device)
    if problem is not None:
        cause, remedy = problem
        print(f"{given.backend} cannot be used here: {cause}\nTry: {remedy}", file=sys.stderr)
        return 1
    results = surroundings(given)
    for line in table([(name, str(value)) for name, value in results.items()]):
        print(line)
    start = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    for name, outcome in ended(given, start):
        outcomes[name] = outcome
        for line in section_lines(name, outcome):
            print(line, flush=True)
        results |= {
            "passed": passed(outcomes),
            "seconds": round(time.monotonic() - start, 1),
            "sections": {name: dataclasses.asdict(o) for name, o in outcomes.items()},
        }
        if out is not None:  # after every section, so that an end from outside leaves the rest
            out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("passed" if results["passed"] else "not passed", f"after {results['seconds']} s")
    return 0 if results["passed"] else 1


def ended(given: argparse.Namespace, start: float) -> Iterator[tuple[str, Outcome]]:
    """Yield the sections as they end: those of correctness first."""
    labels = plan(given)
    correctness = [label for label in labels if section_of(label) in CORRECTNESS]
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 4)) as pool:
        yield from zip(
            correctness, pool.map(partial(run_in_time, given, start), correctness), strict=True
        )
    alone = [label for label in labels if label not in correctness]
    shares = [MEASURES[section_of(label)] for label in alone]
    for i, label in enumerate(alone):
        yield label, run_in_time(given, start, label, part=shares[i] / sum(shares[i:]))


def plan(given: argparse.Namespace) -> list[str]:
    """Return the labels of what runs: of each section, the name and the setting of the kernels."""
    settings = given.kernels if given.backend == "cupy" else KERNELS[:1]
    return [
        name if setting == "0" else name + WITH_KERNELS + setting
        for name in given.only
        for setting in settings
        if name not in OF_KERNELS or setting != "0" or given.backend != "cupy"
    ]


def section_of(label: str) -> str:
    return label.partition(WITH_KERNELS)[0]


def run_in_time(given: argparse.Namespace, start: float, label: str, part: float = 1.0) -> Outcome:
    """Run a section in its part of the time that is left, if there is enough."""
    left = part * (given.seconds - (time.monotonic() - start))
    if left < LEAST:
        return Outcome("skipped", reason="the time was used up")
    name = section_of(label)
    limit = min(left, CORRECTNESS.get(name, left))
    options = Options(given.backend, given.device, given.quick, limit, given.data)
    kernels = {"XPCNN_CUDA_KERNELS": label.partition(WITH_KERNELS)[2] or "0"}
    return run(name, options, ENVIRONMENT.get(name, {}) | kernels)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="gpu_check.py", description=__doc__)
    parser.add_argument("--out", type=Path, help="JSON file to write, anew after every section")
    parser.add_argument(
        "--backend", default="cupy", choices=["cupy", "torch", "numpy"], help="others: a rehearsal"
    )
    parser.add_argument("--device", help="device of the backend, by name or number")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all sections together")
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="some of the sections"
    )
    parser.add_argument(
        "--kernels",
        nargs="+",
        choices=KERNELS,
        default=[one for one in KERNELS if one not in WITH_CUDNN or any(map(version, CUDNN))],
        help="of CuPy's settings, some",
    )
    parser.add_argument(
        "--data", help="folder with the folders mnist and cifar10, for `accuracy`, `airbench`"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it works")
    given = parser.parse_args(arguments)
    if given.out is not None and not given.out.absolute().parent.is_dir():
        parser.error(f"--out: there is no folder {given.out.parent}")
    return given


def passed(outcomes: dict[str, Outcome]) -> bool:
    """Whether no section failed, and all that say something about correctness passed."""
    return all(
        outcome.status == "passed"
        or (outcome.status == "skipped" and section_of(label) not in CORRECTNESS)
        for label, outcome in outcomes.items()
    )


def surroundings(given: argparse.Namespace) -> dict[str, Any]:
    """Return date, command, versions and device."""
    names = [*PACKAGES, *(name for name in (*CUPY, *CUDNN) if version(name) is not None)]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "tests/gpu_check.py", *sys.argv[1:]]),
        "rehearsal": given.backend != "cupy" or "tests.fake_cupy" in sys.modules,
        "xpcnn": xpcnn.__version__,
        "commit": output("git", "-C", str(ROOT), "rev-parse", "HEAD"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in names},
        "device": backends.load(given.backend, given.device).describe(),
        "nvidia-smi": output("nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"),
    }


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def output(*command: str) -> str | None:
    """Return what a command prints, None where it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GRACE, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
