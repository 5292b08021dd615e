"""Measure the tables of a guide anew: `python -m tests.bench.page FILE [SECTION ...]`.

FILE is examples/guides/benchmarks.md. The tables of a section are between the lines
`<!-- bench: SECTION -->` and `<!-- end -->`. Takes half an hour, on a machine with nothing else to
do.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

from tests.bench import augmentation, engines, projects
from xpcnn.benchmark import FULL, MODES, Bench, Case, growth, pytorch_peer, start_times
from xpcnn.benchmark.growth import markdown
from xpcnn.cli.benchmark_table import cell
from xpcnn.cli.commands.bench import BATCHES, MODELS

STEPS_HEAD = (
    *("network", "batch", "training, ms", "ratio", "ceiling"),
    *("inference, ms", "ratio", "ceiling", "images/s", "MiB", "PyTorch's MiB"),
)
FEW_HEAD = ("network", "images", "inference, ms", "ratio")
FEW = (1, 8)
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
        yield from (cell(r["xpcnn_ms"], 2), ratio(r), cell(r["ceiling"], 2))
    yield cell(training["images_per_second"])
    yield from (cell(training[f"{side}_peak_mb"]) for side in ("xpcnn", "torch"))


def ratio(found: Mapping[str, Any]) -> str:
    """Return the ratio with its interval."""
    interval = f"{found['ratio_low']:.2f} to {found['ratio_high']:.2f}"
    return f"{found['ratio']:.2f} ({interval}{'' if found['settled'] else ', unsettled'})"


def few() -> Iterator[str]:
    """Yield the table of forward passes over few images beside PyTorch's."""
    rows = []
    with closing(Bench(FULL, pytorch_peer())) as bench:
        for name, images in product(MODELS, FEW):
            found = bench.compare(Case(name, images, "inference"))
            rows.append((f"`{name}`", str(images), cell(found["xpcnn_ms"], 3), ratio(found)))
            print(*rows[-1], file=sys.stderr, flush=True)
    yield from markdown(FEW_HEAD, rows)


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
    "few": few,
    "engines": engines.page,
    "augmentation": augmentation.page,
    "start": start,
    "projects": projects.page,
    "growth": lambda: growth.page(growth.measure()),
}


def filled(text: str, section: str, lines: Iterable[str]) -> str:
    """Return the text with other lines in a section."""
    content = "\n".join(lines)
    return marks(section).sub(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", text)


def marks(section: str) -> re.Pattern[str]:
    """Return what matches a section, with the lines that mark it as groups."""
    return re.compile(rf"(<!-- bench: {section} -->\n).*?(<!-- end -->)", re.DOTALL)


def parse(arguments: Sequence[str] | None = None) -> tuple[Path, list[str]]:
    """Return the file and the sections to measure, both checked before anything is."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("names", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    given = parser.parse_args(arguments)
    names: list[str] = given.names or [*SECTIONS]
    try:
        text = given.file.read_text(encoding="utf-8")
    except OSError as error:
        parser.error(str(error))
    for name in names:
        if name not in SECTIONS:
            parser.error(f"there is no section {name!r}: one of {', '.join(SECTIONS)}")
        if not marks(name).search(text):
            parser.error(f"{given.file} has no lines that mark a section {name!r}")
    return given.file, names


def main() -> None:
    path, names = parse()
    for name in names:
        lines = list(SECTIONS[name]())
        text = path.read_text(encoding="utf-8")
        path.write_text(filled(text, name, lines), encoding="utf-8")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
