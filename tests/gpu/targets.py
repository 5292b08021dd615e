"""What a GPU is to reach, beside what was measured: `python -m tests.gpu.targets FILE ...`.

The files are those that `gpu_check.py --out` writes. Of several settings of the kernels, the best.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.gpu.report import table


class Target(NamedTuple):
    """A figure of a section, and what it is to be.

    key: of the fact. at_least, aim: of a ratio, how large; of seconds, how small.
    """

    section: str
    fact: str
    key: str
    at_least: float
    aim: float

    @property
    def is_time(self) -> bool:
        return self.key.startswith("seconds")


EAGER, GRAPHS = "times as fast as PyTorch", "times as fast as its graphs"
PROCESS, MEMORY = "seconds of the process", "PyTorch's over ours"
SMALL, LARGER = ("tiny", "small", "lenet5"), ("medium", "large-bn", "resnet20")

TARGETS = [
    *(Target("timing", f"{name}, batch 128", EAGER, 3.0, 8.0) for name in SMALL),
    *(Target("timing", f"{name}, batch 128", GRAPHS, 1.0, 1.5) for name in SMALL),
    *(
        Target("timing", f"{n}, batch {size}", EAGER, 1.0, 1.5)
        for n in LARGER
        for size in (128, 1024)
    ),
    Target("half", "resnet18-cifar, batch 512, float16", EAGER, 0.9, 1.1),
    Target("accuracy", "mnist to 99.0%, warm cache", PROCESS, 5.0, 2.0),
    Target("accuracy", "cifar10 to 85.0%, warm cache", PROCESS, 60.0, 15.0),
    Target("airbench", "float16", EAGER, 1.0, 1.0),
    *(Target("peak", f"{name}, batch 128", MEMORY, 1.0, 1 / 0.7) for name in LARGER),
    Target("peak", "resnet20, batch 1024", MEMORY, 1.0, 1 / 0.7),
]


def rows(sections: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield target by target: what, measured with which setting, at least, aim, and a verdict."""
    for target in TARGETS:
        found = [
            (figure, label)
            for label, section in sections.items()
            if label.partition(",")[0] == target.section
            and (figure := (section["facts"].get(target.fact) or {}).get(target.key)) is not None
        ]
        best = (min if target.is_time else max)(found, default=None)
        named = f"{target.section}: {target.fact}", target.key
        limits = f"{target.at_least:.3g}", f"{target.aim:.3g}"
        if best is None:
            yield *named, "-", *limits, "not measured"
            continue
        figure, label = best
        setting = label.partition(", kernels ")[2] or "0"
        reached = [figure <= x if target.is_time else figure >= x for x in target[3:]]
        verdict = "aim" if reached[1] else "reached" if reached[0] else "missed"
        yield *named, f"{figure:.3g} ({setting})", *limits, verdict


def main(files: list[str]) -> None:
    """Print the table."""
    sections: dict[str, Any] = {}
    for file in files:
        sections |= json.loads(Path(file).read_text(encoding="utf-8"))["sections"]
    header = ("what", "figure", "measured (kernels)", "at least", "aim", "verdict")
    for line in table([header, *rows(sections)]):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
