"""The file of results, one line of JSON for each training, and what a person reads of it."""

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

POINT = 0.01
"""How far below the mean the worst seed may lie."""


class Key(NamedTuple):
    """What a result is of. recipe: see `recipe.recipe`; build: of the kernels, with threads."""

    name: str
    recipe: str
    build: str
    seed: int


class Result(NamedTuple):
    """The outcome of one training; see `trainings.Outcome`."""

    accuracy: float | None
    collapsed: bool
    jump: float


def read(path: Path) -> dict[Key, Result]:
    """Return all results in a file; none where there is no file.

    A last line that was cut off, as by a kill, is left out.
    """
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        key = Key(*(record[name] for name in Key._fields))
        found[key] = Result(*(record[name] for name in Result._fields))
    return found


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add a line to the file, on a line of its own even if the one before was cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.tell() > 0:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write((json.dumps(record) + "\n").encode())


class Row(NamedTuple):
    """A line of the table: one training on one build, or on all of them together."""

    name: str
    build: str
    results: Sequence[Result]

    def __str__(self) -> str:
        reached = [r.accuracy for r in self.results if r.accuracy is not None]
        collapsed = sum(r.collapsed for r in self.results)
        if not reached:
            return f"{self.name:15} {self.build:22} {len(self.results):5}  {'all collapsed':>30}"
        spread = statistics.pstdev(reached)
        return (
            f"{self.name:15} {self.build:22} {len(self.results):5} {statistics.mean(reached):8.4f}"
            f" {min(reached):8.4f} {max(reached):8.4f} {spread:8.4f} {collapsed:9}"
        )

    def problems(self, seeds: int) -> Iterator[str]:
        """Yield what is wrong with it, or missing: `seeds` trainings are asked for."""
        if len(self.results) < seeds:
            yield f"{self.name}, {self.build}: {len(self.results)} of {seeds} seeds were trained"
        if collapsed := sum(r.collapsed for r in self.results):
            yield f"{self.name}, {self.build}: {collapsed} of {len(self.results)} collapsed"
        reached = [r.accuracy for r in self.results if r.accuracy is not None]
        if reached and (below := statistics.mean(reached) - min(reached)) > POINT:
            text = f"the worst seed is {100 * below:.2f} points below the mean"
            yield f"{self.name}, {self.build}: {text}"


HEADING = (
    f"{'training':15} {'build of the kernels':22} {'seeds':>5} {'mean':>8} {'worst':>8}"
    f" {'best':>8} {'spread':>8} {'collapsed':>9}"
)


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines of a table; the spread is the standard deviation.

    Rows without results are left out; `Row.problems` tells of them.
    """
    yield HEADING
    yield from (str(row) for row in rows if row.results)
