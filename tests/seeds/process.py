"""One process of trainings: `python -m tests.seeds.process NAME DATA_DIR SEED...`.

Prints a line of JSON after each: the seed, the outcome, and what it was computed on. A process has
one build of the kernels, chosen by its environment, hence the process.
"""

import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xpcnn
from tests.seeds.trainings import outcome
from xpcnn import backend


def machine() -> dict[str, str]:
    """Return what results depend on, in words."""
    return {
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "xpcnn": xpcnn.__version__,
        **backend.load("numpy").describe(),
    }


def _processor() -> str:
    """Return the model name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def main(name: str, data_dir: str, *seeds: str) -> None:
    for seed in map(int, seeds):
        result: dict[str, Any] = outcome(name, seed, Path(data_dir))._asdict()
        date = datetime.now(UTC).isoformat(timespec="seconds")
        print(json.dumps({"seed": seed, **result, "date": date, "machine": machine()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
