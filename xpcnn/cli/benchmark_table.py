"""The table of `xpcnn bench`, row by row: its columns are set before anything is measured."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

FIGURES = (  # heading, key, decimals, the side of the peer that it needs
    ("ms", "xpcnn_ms", 2, ""),
    ("torch", "torch_ms", 2, "torch"),
    ("ratio", "ratio", 2, "torch"),
    ("low", "ratio_low", 2, "torch"),
    ("high", "ratio_high", 2, "torch"),
    ("machine", "settled", 0, "torch"),
    ("alone", "ratio_alone", 2, "torch"),
    ("ceiling", "ceiling", 2, "torch"),
    ("compiled", "compiled_ms", 2, "compiled"),
    ("to it: ratio", "compiled_ratio", 2, "compiled"),
    ("low", "compiled_ratio_low", 2, "compiled"),
    ("high", "compiled_ratio_high", 2, "compiled"),
    ("machine", "compiled_settled", 0, "compiled"),
    ("img/s", "images_per_second", 0, ""),
    ("GFLOP/s", "gflops", 0, ""),
    ("sgemm", "sgemm_gflops", 0, ""),
    ("MiB", "xpcnn_peak_mb", 0, ""),
    ("torch MiB", "torch_peak_mb", 0, "torch"),
)
SIDES = {"torch": "PyTorch", "compiled": "torch.compile"}
SETTLED = ("settled", "compiled_settled")
UNSETTLED = (
    "unsettled: other work disturbed most pairs of blocks, so all count. Try: again on a quiet "
    "machine"
)
WIDTH = 8
"""The least of a figure's column: of 9,999.99."""


class ResultTable:
    """The lines of a table whose rows come one by one.

    names: of all models to come. sides: of the peer; their figures have columns.
    """

    def __init__(self, names: Sequence[str], sides: Collection[str]) -> None:
        self.figures = [f for f in FIGURES if f[3] in ("", *sides)]
        headings = [heading for heading, *_ in self.figures]
        widths = [max(WIDTH, len(heading)) for heading in headings]
        self.widths = (max(map(len, ("model", *names))), len("batch"), len("inference"), *widths)
        self.head = self._line(("model", "batch", "mode", *headings))

    def lines(self, result: Mapping[str, Any]) -> Iterator[str]:
        """Yield the row of a result, and below it why a side of the peer has no figures."""
        figures = (cell(result.get(key), digits) for _, key, digits, _ in self.figures)
        yield self._line((result["model"], str(result["batch"]), result["mode"], *figures))
        for side, name in SIDES.items():
            if reason := result.get(f"{side}_failed"):
                reason = reason.replace("\nTry", ". Try")
                yield f"{result['model']}, {result['mode']}: no {name}: {reason}"

    def _line(self, cells: Sequence[str]) -> str:
        pairs = zip(cells, self.widths, strict=True)
        return "  ".join(text.rjust(width) for text, width in pairs)


def cell(value: float | bool | None, digits: int = 0) -> str:
    """Return a figure with `digits` decimals, or a word: whether a ratio is settled."""
    if isinstance(value, bool):
        return "settled" if value else "unsettled"
    return "" if value is None else f"{value:,.{digits}f}"
