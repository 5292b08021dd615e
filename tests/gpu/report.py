"""What the check prints: a few lines for each section, and the table of times."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.gpu.section import Outcome

HEADER = (
    *("preset", "batch", "ms", "PyTorch", "channels-last", "its graphs", "images/s"),
    *("times as fast", "as its graphs"),
)


def section_lines(name: str, outcome: Outcome) -> Iterator[str]:
    """Yield a section's name, status and time, its problems, and what can be told in a line."""
    reason = "" if outcome.reason is None else f": {outcome.reason}"
    yield f"\n{name}: {outcome.status}{reason} ({outcome.seconds} s)"
    for problem in outcome.problems:
        yield "  ! " + problem.replace("\n", "\n    ")
    timed = [fact for fact in outcome.facts.values() if isinstance(fact, dict) and "ms" in fact]
    if timed:
        yield from ("  " + line for line in table([HEADER, *map(_row, timed)]))
    for label, fact in outcome.facts.items():
        if fact not in timed:
            yield f"  {label}: {_short(fact)}"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows with their cells below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()


def _row(fact: dict[str, Any]) -> tuple[str, ...]:
    ms = fact["ms"]
    graphs = min((x for name, x in ms.items() if "graph" in name), default=None)
    times = *(ms.get(name) for name in ("xpcnn", "contiguous_format", "channels_last")), graphs
    ratios = (fact.get(f"times as fast as {side}") for side in ("PyTorch", "its graphs"))
    rate = f"{fact['images per second']:.0f}"
    return (
        *(fact["preset"], str(fact["batch"]), *map(_number, times), rate),
        *map(_number, ratios),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _short(fact: Any) -> str:
    """Tell a fact in a line: numbers and words, the length of a list, the last line of a text."""
    if not isinstance(fact, dict):
        return f"{len(fact)}" if isinstance(fact, list) else (str(fact).splitlines() or [""])[-1]
    parts = ((key, _short(value)) for key, value in fact.items() if value not in ([], {}))
    return ", ".join(f"{key} {value}" for key, value in parts)
