"""`xpcnn bench`: how fast training and inference are here, beside PyTorch where it is at hand."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import click

import xpcnn
from xpcnn.cli.options import json_option, option, quiet_option

QUICK = ("kaggle", "two-conv", "sigmoid-binary", "tiny", "small", "medium", "large")
MODELS = (*QUICK, "large-bn", "lenet5", "resnet20")
BATCHES = (64, 256)
ROUNDS, QUICK_ROUNDS = 7, 3

CHECKOUT = Path(xpcnn.__file__).parents[1]


@click.command("bench")
@option("--quick", is_flag=True, text="Seven presets at batch 64, training alone; a minute or so.")
@option("--model", metavar="NAME,...", text="Presets to time; ten by default.")
@option("--compile", "compiled", is_flag=True, text="Beside torch.compile too, which takes long.")
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

    from xpcnn.benchmark import MODES, Case, compare, start_times
    from xpcnn.cli.output import answer, say, to_json

    if growth:
        from xpcnn.benchmark.growth import page

        for line in page():
            answer(line)
        return
    names = model.split(",") if model else QUICK if quick else MODELS
    batches, modes = ((64,), MODES[:1]) if quick else (BATCHES, MODES)
    results = []
    for case in (Case(*values) for values in product(names, batches, modes)):
        results.append(compare(case, QUICK_ROUNDS if quick else ROUNDS, peer))
        say(f"{case.model}, batch {case.batch}, {case.mode}: done", quiet)
    facts: dict[str, Any] = {"results": results}
    if not quick:
        facts["start_seconds"] = start_times(None if peer is None else peer.first_step)
    answer(to_json(facts) if as_json else "\n".join(lines(facts)))


HEAD = ("model", "batch", "mode", "ms", "torch", "ratio", "low", "high", "alone", "ceiling")
UNITS = ("img/s", "GFLOP/s", "sgemm", "MiB", "torch MiB")
KEYS = ("ratio", "ratio_low", "ratio_high", "ratio_alone", "ceiling")


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of results, then the times of the start."""
    rows = [(*HEAD, *UNITS)]
    for r in facts["results"]:
        rows.append(
            (
                *(r["model"], str(r["batch"]), r["mode"]),
                *(number(r.get(key), 2) for key in ("xpcnn_ms", "torch_ms", *KEYS)),
                *(number(r[key]) for key in ("images_per_second", "gflops", "sgemm_gflops")),
                *(number(r.get(key)) for key in ("xpcnn_peak_mb", "torch_peak_mb")),
            )
        )
    yield from aligned(rows)
    for what, value in facts.get("start_seconds", {}).items():
        yield f"{what.replace('_', ' ')}: {number(value, 2)} s"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of cells as lines, the columns right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def number(value: float | None, digits: int = 0) -> str:
    """Return a figure, or a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"
