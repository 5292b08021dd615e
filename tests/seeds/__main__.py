"""`python -m tests.seeds`: does training depend on luck? Many seeds, several builds of the kernels.

    python -m tests.seeds                            # every training that is not in the file yet
    python -m tests.seeds two-conv tiny --seeds 20   # these
    python -m tests.seeds --table                    # what the file has; trains nothing

Trains every script behind a figure of the README and every preset without one. A recipe near
divergence shows here: rounding then decides whether a seed collapses, and rounding depends on the
build. Each finished training is a line of the file of results, and is not trained again; a changed
recipe (see `recipe.py`) is. The exit code is 0 if all trainings asked for are there, none
collapsed, and the worst seed lies within one point of the mean.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.real_data import DATA
from tests.seeds.recipe import recipe
from tests.seeds.results import Key, Row, append, read, table
from tests.seeds.trainings import ORDER, figure_of, seeds_for

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "tests" / "results" / "seeds.jsonl"
BUILDS = ("native", "x86-64-v3")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing, print the table; return the exit code."""
    given = _parse(arguments)
    problems = []
    for name in given.names or ORDER:
        seeds = range(given.seeds or seeds_for(name))
        for build in given.builds:
            for text in () if given.table else _train(name, build, seeds, given):
                print(text, flush=True)
    rows = []
    for name in given.names or ORDER:
        seeds = range(given.seeds or seeds_for(name))
        each = [_row(name, build, seeds, given) for build in given.builds]
        together = Row(name, "all", [result for row in each for result in row.results])
        rows += [*each, together] if len(each) > 1 else each
        problems += [text for row in each for text in row.problems(len(seeds))]
        problems += [text for text in together.problems(0) if "points below" in text]
    print("\n".join(table(rows)))
    print("\n".join(problems) or "all were trained, none collapsed, no worst seed is a point below")
    return 1 if problems else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.seeds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ORDER))
    parser.add_argument("--seeds", type=int, help="how many; 20 by default, 5 of the long ones")
    parser.add_argument(
        "--builds",
        type=lambda text: text.split(","),
        default=list(BUILDS),
        help=f"values of XPCNN_MARCH, `none` for no kernels in C ({','.join(BUILDS)})",
    )
    parser.add_argument("--threads", type=int, default=1, help="of a training (1)")
    parser.add_argument("--data", type=Path, default=DATA, help=f"has mnist/ and cifar10/ ({DATA})")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file of results")
    parser.add_argument("--table", action="store_true", help="train nothing")
    given = parser.parse_args(arguments)
    for name in given.names:
        if name not in ORDER:
            parser.error(f"there is no training {name!r}: one of {', '.join(ORDER)}")
    return given


def _key(name: str, build: str, seed: int, threads: int) -> Key:
    return Key(name, recipe(name), f"{build}, {threads} thread{'s'[: threads > 1]}", seed)


def _row(name: str, build: str, seeds: Sequence[int], given: argparse.Namespace) -> Row:
    """Return the results of a training on one build, so far as they are there."""
    found = read(given.results)
    keys = [_key(name, build, seed, given.threads) for seed in seeds]
    return Row(name, keys[0].build, [found[key] for key in keys if key in found])


def _train(name: str, build: str, seeds: Sequence[int], given: argparse.Namespace) -> Iterator[str]:
    """Train with the seeds that are missing; yield a line of words after each."""
    found = read(given.results)
    missing = [s for s in seeds if _key(name, build, s, given.threads) not in found]
    if not missing:
        return
    where = given.data / figure_of(name).dataset.replace("digits", "")
    if not where.is_dir():
        yield f"{name}, {build}: not trained, since there is no folder {where}"
        return
    kept = {key: value for key, value in os.environ.items() if not key.startswith("XPCNN_")}
    chosen = {"XPCNN_COMPILER": "none"} if build == "none" else {"XPCNN_MARCH": build}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.seeds.process", name, str(given.data), *map(str, missing)],
        cwd=ROOT,
        env=kept | chosen | {"XPCNN_NUM_THREADS": str(given.threads)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            record = _record(line)
            if record is None:  # the script's own words
                continue
            kernels = record["machine"]["kernels"]
            if build != "none" and not kernels.startswith("in C"):
                process.kill()
                raise SystemExit(f"--builds {build}: the kernels are {kernels}")
            key = _key(name, build, record["seed"], given.threads)
            append(given.results, key._asdict() | record)
            reached = record["accuracy"]
            shown = "diverged" if reached is None else f"test accuracy {reached:.4f}"
            shown += ", collapsed" * record["collapsed"] + f", {record['seconds']:.1f} s"
            yield f"{name}, {key.build}, seed {key.seed}: {shown}"
    if process.returncode:
        raise SystemExit(f"{name}, {build}: the process ended with {process.returncode}")


def _record(line: str) -> dict[str, Any] | None:
    """Return a line of the process as a record; None for what a script prints beside."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


if __name__ == "__main__":
    sys.exit(main())
