"""`xpcnn bench`: how fast training and inference are on this machine, beside PyTorch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import product
from typing import Any

import click

from xpcnn.cli.options import engine_option, json_option, listed, option, quiet_option
from xpcnn.text_table import Table

SEVEN = ("kaggle", "two-conv", "sigmoid-binary", "tiny", "small", "medium", "large")
MODELS = (*SEVEN, "large-bn", "lenet5", "resnet20")
BATCHES = (64, 256)
LARGE, LARGE_BATCHES = ("resnet18", "resnet50", "mobilenet-v2", "efficientnet-lite0"), (16, 32)


@click.command("bench")
@option("--quick", is_flag=True, text="Seven presets at batch 64, training; about a minute.")
@option(
    "--large",
    is_flag=True,
    text="Four presets for images of 224 x 224 at batch 16 and 32; takes long.",
)
@option(
    "--model", metavar="NAME,...", text="Presets or .toml files to time; by default ten presets."
)
@option("--compile", "compiled", is_flag=True, text="Beside torch.compile too; takes long.")
@option("--growth", is_flag=True, text="Instead: how cost grows with batch, image, channels, ...")
@option(
    "--layers",
    "by_layer",
    is_flag=True,
    text="Instead: each layer of the models, beside what the machine could do.",
)
@option(
    "--communication",
    is_flag=True,
    text="Instead: how long processes that a launcher started take to sum arrays.",
)
@engine_option
@json_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    quick: bool,
    large: bool,
    model: str | None,
    compiled: bool,
    growth: bool,
    by_layer: bool,
    communication: bool,
    engine: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Time training and inference of the presets, beside PyTorch.

    Also times the start of a process. With PyTorch installed, each time stands beside PyTorch's, in
    the faster of its memory formats. Both sides are first verified (same loss, same gradients),
    then timed in alternating blocks, each in a process of its own.

    `ratio` is PyTorch's time over ours: the median over pairs of neighbouring blocks, with `low`
    and `high`, its 90 % interval. Pairs that other work on the machine disturbs are measured again;
    `unsettled` marks a ratio for which the machine was never quiet enough. `ceiling` is what the
    ratio would be if we took only the time of the matrix products of im2col.
    """
    if growth and (quick or model or compiled):
        ctx.fail("--growth takes no --quick, --model or --compile. Try: --growth alone")
    if large and (quick or growth):
        ctx.fail("--large takes no --quick or --growth. Try: --large alone, or with --model")
    if communication:
        _sums(engine, as_json)
        return

    from xpcnn import backend
    from xpcnn.benchmark import FULL, MODES, QUICK, Bench, Case, pytorch_peer, start_times
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.models import preset

    if by_layer:
        from xpcnn.benchmark import layers

        rows = [row for name in listed(model or "large") for row in layers.measure(name)]
        answer(to_json({"layers": rows}) if as_json else str(_layer_table(rows)))
        return
    if growth:
        from xpcnn.benchmark import growth as grown

        found = grown.measure()
        answer(to_json(found) if as_json else "\n".join(grown.page(found)))
        return
    names = listed(model) if model else SEVEN if quick else LARGE if large else MODELS
    for name in names:
        preset(name)  # rejects an unknown name before anything is timed
    missing = backend.problem("torch")
    if missing and compiled:
        ctx.fail(f"--compile: {missing[0]}. Try: {missing[1]}")
    facts: dict[str, Any] = {"results": []}
    if missing:
        facts["torch_failed"] = f"{missing[0]}. Try: {missing[1]}"
        say(f"timed without PyTorch's side: {facts['torch_failed']}", quiet)
    peer = None if missing else pytorch_peer(compiled)
    batches, modes = ((64,), MODES[:1]) if quick else (BATCHES, MODES)
    if large:
        batches = LARGE_BATCHES
    with closing(Bench(QUICK if quick or large else FULL, peer)) as bench:
        for case in (Case(*values) for values in product(names, batches, modes)):
            facts["results"].append(bench.compare(case))
            say(f"{case.model}, batch {case.batch}, {case.mode}: done", quiet)
    if not (quick or large):
        facts["start_seconds"] = start_times(peer)
    answer(to_json(facts) if as_json else "\n".join(lines(facts)))


def _layer_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the figures of layers as a table."""
    figures = [
        ("ms", "ms", ".2f"),
        ("GFLOP/s", "gflops", ",.0f"),
        ("of peak", "part_of_peak", ".0%"),
        ("MB", "mbytes", ",.1f"),
        ("GB/s", "gb_per_second", ",.1f"),
        ("of bandwidth", "part_of_bandwidth", ".0%"),
    ]
    header = ("model", "layer", "type", "direction", *(heading for heading, _, _ in figures))
    cells = [
        [*(row[key] for key in header[:4]), *(f"{row[key]:{form}}" for _, key, form in figures)]
        for row in rows
    ]
    return Table("", header, cells, "<<<<" + ">" * len(figures))


def _sums(engine: str | None, as_json: bool) -> None:
    """Print how long a group of processes takes to sum arrays."""
    from xpcnn.benchmark.scaling import measured
    from xpcnn.cli.output import answer, to_json
    from xpcnn.cli.processes import group_of
    from xpcnn.errors import BackendError, hint

    group = group_of(engine)
    if group.size == 1:
        example = "mpiexec -n 2 xpcnn bench --communication --engine mpi"
        raise BackendError(hint("one process has nothing to sum with", example))
    found = measured(group)
    if as_json:
        answer(to_json(found))
        return
    times = [f"{int(n):>12,} bytes {1e6 * s:>12,.1f} us" for n, s in found["sum_seconds"].items()]
    fit = f"latency {1e6 * found['latency']:.1f} us, bandwidth {found['bandwidth'] / 1e9:.2f} GB/s"
    answer("\n".join([f"a sum of {group.size} processes", *times, fit]))


FIGURES = (  # heading, key, decimals
    ("ms", "xpcnn_ms", 2),
    ("torch", "torch_ms", 2),
    ("ratio", "ratio", 2),
    ("low", "ratio_low", 2),
    ("high", "ratio_high", 2),
    ("machine", "settled", 0),
    ("alone", "ratio_alone", 2),
    ("ceiling", "ceiling", 2),
    ("compiled", "compiled_ms", 2),
    ("to it: ratio", "compiled_ratio", 2),
    ("low", "compiled_ratio_low", 2),
    ("high", "compiled_ratio_high", 2),
    ("machine", "compiled_settled", 0),
    ("img/s", "images_per_second", 0),
    ("GFLOP/s", "gflops", 0),
    ("sgemm", "sgemm_gflops", 0),
    ("MiB", "xpcnn_peak_mb", 0),
    ("torch MiB", "torch_peak_mb", 0),
)
SIDES = {"torch": "PyTorch", "compiled": "torch.compile"}
UNSETTLED = (
    "unsettled: other work disturbed most pairs of blocks, so all count. Try: again on a quiet "
    "machine"
)


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of results, what failed, and the times of the start."""
    results = facts["results"]
    shown = [f for f in FIGURES if any(r.get(f[1]) is not None for r in results)]
    rows = [("model", "batch", "mode", *(heading for heading, _, _ in shown))]
    for r in results:
        figures = (cell(r.get(key), digits) for _, key, digits in shown)
        rows.append((r["model"], str(r["batch"]), r["mode"], *figures))
    yield from aligned(rows)
    if any("unsettled" in row for row in rows):
        yield UNSETTLED
    for r in results:
        for side, name in SIDES.items():
            if reason := r.get(f"{side}_failed"):
                reason = reason.replace("\nTry", ". Try")
                yield f"{r['model']}, {r['mode']}: no {name}: {reason}"
    for what, value in facts.get("start_seconds", {}).items():
        yield f"{what.replace('_', ' ')}: {value:.2f} s"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of cells as lines, the columns right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def cell(value: float | bool | None, digits: int = 0) -> str:
    """Return a figure with `digits` decimals, or a word: whether a ratio is settled."""
    if isinstance(value, bool):
        return "settled" if value else "unsettled"
    return "" if value is None else f"{value:,.{digits}f}"
