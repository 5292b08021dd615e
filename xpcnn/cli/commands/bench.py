"""`xpcnn bench`: how fast training and inference are on this machine, beside PyTorch."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import product
from typing import Any

import click

from xpcnn.cli.benchmark_table import SETTLED, UNSETTLED, ResultTable
from xpcnn.cli.flag_parsing import listed
from xpcnn.cli.options import (
    engine_option,
    json_option,
    option,
    quiet_option,
    reject_given,
)
from xpcnn.text_table import Table

SEVEN = ("kaggle", "two-conv", "sigmoid-binary", "tiny", "small", "medium", "large")
MODELS = (*SEVEN, "large-bn", "lenet5", "resnet20")
BATCHES = (64, 256)
FOUR = ("resnet18", "resnet50", "mobilenet-v2", "efficientnet-lite0")


@click.command("bench")
@option("--quick", is_flag=True, text="Seven presets at batch 64, training; minutes.")
@option(
    "--large",
    is_flag=True,
    text="Four presets for images of 224 x 224, at batch 16, 32 and, inference, 1; takes long.",
)
@option(
    "--model", metavar="NAME,...", text="Presets or .toml files to time; by default ten presets."
)
@option("--compile", "compiled", is_flag=True, text="Beside torch.compile too; takes long.")
@option(
    "--growth", is_flag=True, text="Instead, print how cost grows with batch, image, channels, ..."
)
@option(
    "--layers",
    "by_layer",
    is_flag=True,
    text="Instead, time each layer of the models, beside the limits of the machine.",
)
@option(
    "--communication",
    is_flag=True,
    text="Instead, time how long processes that a launcher started take to sum arrays.",
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
    then timed in alternating blocks, each in a process of its own. Each row is printed as soon as
    it is measured, with --json on stderr.

    `ratio` is PyTorch's time over xpcnn's: the median over pairs of neighbouring blocks, with `low`
    and `high`, its 90 % interval. Pairs that other work on the machine disturbs are measured again;
    `unsettled` marks a ratio for which the machine was never quiet enough. `ceiling` is what the
    ratio would be if xpcnn took only the time of the matrix products of im2col.
    """
    if growth and (quick or model or compiled):
        ctx.fail("--growth takes no --quick, --model or --compile. Try: --growth alone")
    if large and (quick or growth):
        ctx.fail("--large takes no --quick or --growth. Try: --large alone, or with --model")
    if by_layer:
        reject_given("quick", "large", "compiled", "growth", why="does nothing with --layers.")
    if communication:
        others = "quick", "large", "compiled", "growth", "by_layer", "model"
        reject_given(*others, why="does nothing with --communication.")
        _sums(engine, as_json)
    elif by_layer:
        _layers(listed(model or "large"), as_json)
    elif growth:
        _growth(as_json)
    else:
        names = listed(model) if model else SEVEN if quick else FOUR if large else MODELS
        _presets(ctx, names, quick, large, compiled, as_json, quiet)


def _presets(
    ctx: click.Context,
    names: Sequence[str],
    quick: bool,
    large: bool,
    compiled: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Time the presets, beside PyTorch where it is installed."""
    from xpcnn import backend
    from xpcnn.benchmark import FULL, LARGE, MODES, QUICK, Bench, Case, pytorch_peer, start_times
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.models import preset

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
    effort, forms = FULL, [*product(BATCHES, MODES)]
    if quick:
        effort, forms = QUICK, [(64, "train")]
    elif large:
        effort, forms = LARGE, [(1, "inference"), *product((16, 32), MODES)]
    table = ResultTable(names, peer.sides if peer else ())
    show = partial(say, quiet=quiet) if as_json else answer
    show(table.head)
    with closing(Bench(effort, peer)) as bench:
        for name, (batch, mode) in product(names, forms):
            facts["results"].append(bench.compare(Case(name, batch, mode)))
            for line in table.lines(facts["results"][-1]):
                show(line)
    if any(r.get(key) is False for r in facts["results"] for key in SETTLED):
        show(UNSETTLED)
    if not (quick or large):
        facts["start_seconds"] = start_times(peer)
        for what, value in facts["start_seconds"].items():
            show(f"{what.replace('_', ' ')}: {value:.2f} s")
    if as_json:
        answer(to_json(facts))


def _layers(models: Sequence[str], as_json: bool) -> None:
    """Print the time of each layer of the presets."""
    from xpcnn import backend
    from xpcnn.benchmark import layers, pytorch_peer
    from xpcnn.cli.output import answer, to_json

    peer = None if backend.problem("torch") else pytorch_peer()
    found, limits = list[dict[str, Any]](), dict[str, Any]()
    for name in models:
        reached, rows = layers.measure(name, peer=peer)
        found += rows
        limits[name] = reached._asdict()
        if not as_json:
            answer(_layer_page(name, reached.gflops, reached.gb_per_second, rows))
    if as_json:
        answer(to_json({"limits": limits, "layers": found}))


def _layer_page(
    name: str, gflops: float, gb_per_second: float, rows: Sequence[Mapping[str, Any]]
) -> str:
    """Return the figures of the layers of a preset, and what they are parts of."""
    return f"""{name}, 64 images: each layer's ms, beside PyTorch's in the faster of its formats
peak: GFLOP/s as a part of {gflops:,.0f}, those of one large matrix product here;
  above 100% where Winograd's algorithm needs fewer than its products
copy: GB/s, of the MB that must be read and written, as a part of {gb_per_second:.0f},
  those of copying large arrays; above 100% where arrays are still in a cache
{_layer_table(rows)}
"""


def _layer_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the figures of layers as a table of 80 columns, a layer in two lines."""
    figures = [
        ("ms", "ms", ".2f"),
        ("PyTorch", "torch_ms", ".2f"),
        ("GFLOP/s", "gflops", ",.0f"),
        ("peak", "part_of_peak", ".0%"),
        ("MB", "mbytes", ",.1f"),
        ("GB/s", "gb_per_second", ",.0f"),
        ("copy", "part_of_bandwidth", ".0%"),
    ]
    cells = []
    for row in rows:
        path = row["layer"].replace("layers.", "")
        first = path if row["direction"] == "forward" else f"  {row['type']}"
        cells.append(
            [first, row["direction"], *(_figure(row[key], form) for _, key, form in figures)]
        )
    return Table("", ("layer", "", *(h for h, _, _ in figures)), cells, "<<" + ">" * len(figures))


def _figure(value: float | None, form: str) -> str:
    """Return a figure as text; "-" for what there is not: no operations, no time of PyTorch."""
    return f"{value:{form}}" if value else "-"


def _growth(as_json: bool) -> None:
    """Print how times grow with batch, image, channels, depth and threads."""
    from xpcnn.benchmark import growth
    from xpcnn.cli.output import answer, to_json

    axes = growth.measure()
    if as_json:
        answer(to_json({axis: [row._asdict() for row in rows] for axis, rows in axes}))
    else:
        for text in growth.page(axes):
            answer(text)


def _sums(engine: str | None, as_json: bool) -> None:
    """Print how long a group of processes takes to sum arrays."""
    from xpcnn.benchmark.scaling import measured
    from xpcnn.cli.output import answer, to_json
    from xpcnn.engines import group as group_of
    from xpcnn.errors import BackendError, hint

    group = group_of(engine)
    if group.size == 1:
        example = "mpiexec -n 2 xpcnn bench --communication --engine mpi"
        raise BackendError(hint("one process has no other to sum with", example))
    found = measured(group)
    if as_json:
        answer(to_json(found))
        return
    times = [f"{int(n):>12,} bytes {1e6 * s:>12,.1f} us" for n, s in found["sum_seconds"].items()]
    fit = f"latency {1e6 * found['latency']:.1f} us, bandwidth {found['bandwidth'] / 1e9:.2f} GB/s"
    answer("\n".join([f"a sum of {group.size} processes", *times, fit]))
