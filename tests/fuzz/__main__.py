"""`python -m tests.fuzz`: damaged files for every reader, thousands, seeded and under limits.

Every outcome is a project error with advice, or a right result; others are printed with the command
that repeats them, and the exit code is 1. `--seconds 30` is a short round of the same cases.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.child import damaged, files
from tests.fuzz.readers import READERS

CHUNK = 50
ROOT = Path(__file__).parents[2]

Found = tuple[str, int, str]
"""Reader, number of the case, outcome."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=750, help="cases for each reader")
    parser.add_argument("--seconds", type=float, help="stop after so much time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", metavar="READER", choices=[*READERS], help="one reader")
    parser.add_argument(
        "--case", type=int, help="write the file of one case of --only, and read it"
    )
    chosen = parser.parse_args()
    if chosen.case is not None:
        return repeat(chosen.only, chosen.case, chosen.seed)
    until = None if chosen.seconds is None else time.monotonic() + chosen.seconds
    names = [chosen.only] if chosen.only else [*READERS]
    chunks = [
        (name, first, min(first + CHUNK, chosen.count))
        for first in range(0, chosen.count, CHUNK)
        for name in names
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(run, name, chosen.seed, a, b, until) for name, a, b in chunks]
        found = [one for job in jobs for one in job.result()]
    return report(found, chosen.seed)


def run(name: str, seed: int, first: int, last: int, until: float | None) -> list[Found]:
    """Return the outcomes of cases first ... last - 1, in as many processes as it takes."""
    found: list[Found] = []
    while first < last and (until is None or time.monotonic() < until):
        lines = [json.loads(line) for line in child(name, seed, first, last, until)]
        found += [(name, line["case"], line["found"]) for line in lines if "found" in line]
        if "died" not in lines[-1]:
            break
        if len(lines) == 1:
            raise RuntimeError(f"{name} cannot be tried: {lines[-1]['died']}")
        case = lines[-2]["case"]
        found.append((name, case, lines[-1]["died"]))
        first = case + 1
    return found


def child(name: str, seed: int, first: int, last: int, until: float | None) -> Iterator[str]:
    """Yield the lines of a process, and how it died if it did."""
    command = [sys.executable, "-m", "tests.fuzz.child", name, *map(str, (seed, first, last))]
    environment = os.environ | {"XPCNN_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            yield line
            if until is not None and time.monotonic() > until and "found" in line:
                process.kill()
                return
        text = process.stderr.read()
    if process.returncode != 0:
        reasons = {-27: "more than the CPU time", -14: "more than the time"}
        reason = reasons.get(process.returncode, f"exit code {process.returncode}")
        yield json.dumps({"died": f"{reason}: {text[-500:]}"})


def repeat(name: str, number: int, seed: int) -> int:
    """Read the file of one case without any net, and leave it."""
    folder = Path(f"fuzz-{name}-{number}")
    paths = files(READERS[name], folder)
    path = damaged(READERS[name], name, number, seed, paths)
    print(path, flush=True)
    READERS[name].read(path)
    print("right")
    return 0


def report(found: list[Found], seed: int) -> int:
    """Print the counts and what is wrong, a case of each kind; return the exit code."""
    kinds = ("rejected", "right", "wrong")
    counts = Counter((name, what if what in kinds else "wrong") for name, _, what in found)
    print(f"{'reader':<12}{'inputs':>8}" + "".join(f"{kind:>10}" for kind in kinds))
    for name in dict.fromkeys(name for name, _, _ in found):
        row = [counts[name, kind] for kind in kinds]
        print(f"{name:<12}{sum(row):>8}" + "".join(f"{number:>10}" for number in row))
    wrong: dict[tuple[str, str], list[Found]] = {}
    for one in found:
        if one[2] not in kinds:
            wrong.setdefault((one[0], one[2][:60]), []).append(one)
    total = sum(map(len, wrong.values()))
    print(f"{'all':<12}{len(found):>8} inputs, {total} wrong")
    for cases in wrong.values():
        name, number, what = cases[0]
        print(f"\n{len(cases)} x python -m tests.fuzz --only {name} --case {number} --seed {seed}")
        print(what)
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
