"""Measure the tables of a guide anew: `python -m tests.bench.page FILE [SECTION ...]`.

FILE is examples/guides/benchmarks.md. The tables of a section are between the lines
`<!-- bench: SECTION -->` and `<!-- end -->`. Takes half an hour, on a machine with nothing else to
do.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

from tests.bench import engines, projects
from xpcnn.benchmark import FULL, MODES, Bench, Case, growth, pytorch_peer, start_times
from xpcnn.benchmark.growth import markdown
from xpcnn.cli.benchmark_table import cell
from xpcnn.cli.commands.bench import BATCHES, MODELS

STEPS_HEAD = (
    *("network", "batch", "training, ms", "ratio", "ceiling"),
    *("inference, ms", "ratio", "ceiling", "images/s", "MiB", "PyTorch's MiB"),
)
START_HEAD = ("seconds from the start of a process", "xpcnn", "PyTorch")
START = {
    "first_step": "to the end of the first step",
    "train_digits": "to the end of `xpcnn train`",
}


def steps() -> Iterator[str]:
    """Yield the table of training steps and forward passes beside PyTorch's."""
    rows = []
    with closing(Bench(FULL, pytorch_peer())) as bench:
        for name, batch in product(MODELS, BATCHES):
            found = [bench.compare(Case(name, batch, mode)) for mode in MODES]
            rows.append(tuple(cells(*found)))
            print(*rows[-1], file=sys.stderr, flush=True)
    yield from markdown(STEPS_HEAD, rows)


def cells(training: Mapping[str, Any], inference: Mapping[str, Any]) -> Iterator[str]:
    """Yield the cells of a network at a batch size."""
    yield from (f"`{training['model']}`", str(training["batch"]))
    for r in (training, inference):
        yield cell(r["xpcnn_ms"], 2)
        interval = f"{r['ratio_low']:.2f} to {r['ratio_high']:.2f}"
        yield f"{r['ratio']:.2f} ({interval}{'' if r['settled'] else ', unsettled'})"
        yield cell(r["ceiling"], 2)
    yield cell(training["images_per_second"])
    yield from (cell(training[f"{side}_peak_mb"]) for side in ("xpcnn", "torch"))


def start() -> Iterator[str]:
    """Yield the table of starts."""
    found = start_times(pytorch_peer())
    rows = (
        (text, *(f"{found[f'{side}_{what}']:.2f}" for side in ("xpcnn", "torch")))
        for what, text in START.items()
    )
    yield from markdown(START_HEAD, rows)


SECTIONS: dict[str, Callable[[], Iterable[str]]] = {
    "steps": steps,
    "engines": engines.page,
    "start": start,
    "projects": projects.page,
    "growth": lambda: growth.page(growth.measure()),
}


def filled(text: str, section: str, lines: Iterable[str]) -> str:
    """Return the text with other lines in a section."""
    marks = re.compile(rf"(<!-- bench: {section} -->\n).*?(<!-- end -->)", re.DOTALL)
    assert marks.search(text), f"no section {section!r}"
    content = "\n".join(lines)
    return marks.sub(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", text)


def main() -> None:
    path, *names = sys.argv[1:]
    for name in names or SECTIONS:
        lines = list(SECTIONS[name]())
        text = Path(path).read_text(encoding="utf-8")
        Path(path).write_text(filled(text, name, lines), encoding="utf-8")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
