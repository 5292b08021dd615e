"""`xpcnn bench`: how fast training and inference are here, beside PyTorch where it is at hand."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import click

import xpcnn
from xpcnn.cli.options import json_option, option, quiet_option

SEVEN = ("kaggle", "two-conv", "sigmoid-binary", "tiny", "small", "medium", "large")
MODELS = (*SEVEN, "large-bn", "lenet5", "resnet20")
BATCHES = (64, 256)

CHECKOUT = Path(xpcnn.__file__).parents[1]


@click.command("bench")
@option("--quick", is_flag=True, text="Seven presets at batch 64, training; within a minute.")
@option("--model", metavar="NAME,...", text="Presets to time; ten by default.")
@option("--compile", "compiled", is_flag=True, text="Beside torch.compile too; takes long.")
@option("--growth", is_flag=True, text="Instead: how cost grows with batch, image, channels, ...")
@json_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    quick: bool,
    model: str | None,
    compiled: bool,
    growth: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Time training steps and inference of the presets, and the start of a process.

    With PyTorch installed, in a checkout of the repository, each time stands beside the better of
    PyTorch's memory formats: first verified (same loss, same gradients), then timed in alternating
    blocks, and each side alone in its own process. `ratio` is PyTorch's time over ours, with the
    least and the greatest of the blocks; a dash where a side took another time beside the other
    than alone. `ceiling` is what the ratio would be if we took the time of the matrix products of
    im2col alone.
    """
    peer = ctx.obj(compiled) if ctx.obj else None
    if peer is None and find_spec("torch") and (CHECKOUT / "tests" / "bench").is_dir():
        # the comparison is part of the tests, which know PyTorch; the package does not
        given = sys.argv[sys.argv.index("bench") + 1 :]
        arguments = ["-m", "tests.bench", *given]
        ctx.exit(subprocess.run([sys.executable, *arguments], cwd=CHECKOUT, check=False).returncode)

    if compiled and peer is None:
        ctx.fail("--compile needs PyTorch, and a checkout of the repository. Try: without it")
    from xpcnn.benchmark import FULL, MODES, QUICK, Bench, Case, start_times
    from xpcnn.cli.output import answer, say, to_json

    if growth:
        from xpcnn.benchmark import growth as grown

        found = grown.growth()
        answer(to_json(found) if as_json else "\n".join(grown.page(found)))
        return
    names = model.split(",") if model else SEVEN if quick else MODELS
    batches, modes = ((64,), MODES[:1]) if quick else (BATCHES, MODES)
    results = []
    with closing(Bench(QUICK if quick else FULL, peer)) as bench:
        for case in (Case(*values) for values in product(names, batches, modes)):
            results.append(bench.compare(case))
            say(f"{case.model}, batch {case.batch}, {case.mode}: done", quiet)
    facts: dict[str, Any] = {"results": results}
    if not quick:
        facts["start_seconds"] = start_times(peer)
    answer(to_json(facts) if as_json else "\n".join(lines(facts)))


FIGURES = {  # heading: (key, decimals)
    "ms": ("xpcnn_ms", 2),
    "torch": ("torch_ms", 2),
    "ratio": ("ratio", 2),
    "low": ("ratio_low", 2),
    "high": ("ratio_high", 2),
    "alone": ("ratio_alone", 2),
    "ceiling": ("ceiling", 2),
    "compiled": ("compiled_ms", 2),
    "ratio to it": ("compiled_ratio", 2),
    "img/s": ("images_per_second", 0),
    "GFLOP/s": ("gflops", 0),
    "sgemm": ("sgemm_gflops", 0),
    "MiB": ("xpcnn_peak_mb", 0),
    "torch MiB": ("torch_peak_mb", 0),
}


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of results, what failed, and the times of the start."""
    results = facts["results"]
    shown = {
        head: figure for head, figure in FIGURES.items() if any(figure[0] in r for r in results)
    }
    rows = [("model", "batch", "mode", *shown)]
    for r in results:
        figures = (number(r.get(key), digits) for key, digits in shown.values())
        rows.append((r["model"], str(r["batch"]), r["mode"], *figures))
    yield from aligned(rows)
    for r in results:
        if "compiled_failed" in r:
            yield f"{r['model']}, {r['mode']}: torch.compile failed: {r['compiled_failed']}"
    for what, value in facts.get("start_seconds", {}).items():
        yield f"{what.replace('_', ' ')}: {value:.2f} s"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of cells as lines, the columns right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def number(value: float | None, digits: int = 0) -> str:
    """Return a figure, or a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"
