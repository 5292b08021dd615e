"""The main job, timed as a user sees it: `python -m tests.main_job`.

Trains the default preset on the embedded digits, once per seed, each in a process of its own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SEEDS = (0, 1, 2)


def train(*flags: str) -> tuple[dict[str, Any], float]:
    """Run `xpcnn train` with flags; return its JSON and the seconds of the whole process.

    Those of its processor's time, where other processes make it wait for a core.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "xpcnn", "train", "--json", "--out", str(out), *flags]
        start, before = time.perf_counter(), cpu_seconds()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = min(time.perf_counter() - start, cpu_seconds() - before)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout), seconds


def cpu_seconds() -> float:
    """Return the processor's time of all processes that this one has waited for."""
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    """Print a line per seed, and the means."""
    argparse.ArgumentParser(prog="python -m tests.main_job", description=__doc__).parse_args()
    accuracies, times = [], []
    for seed in SEEDS:
        result, seconds = train("--seed", str(seed))
        accuracies.append(result["test"]["accuracy"])
        times.append(seconds)
        print(f"seed {seed}: test accuracy {accuracies[-1]:.4f}, {seconds:.1f} s", flush=True)
    print(f"mean: test accuracy {statistics.mean(accuracies):.4f}, {statistics.mean(times):.1f} s")


if __name__ == "__main__":
    main()
