"""How runs differ: in configuration, network, data, environment, weights; from where in losses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from xpcnn.config.registry import LAYERS, LOSSES
from xpcnn.runs.record import MODEL, Record
from xpcnn.runs.weights_comparison import WeightsDiff, compare_weights
from xpcnn.text_table import Table

FIGURES = ("loss", "accuracy", "val_loss", "val_accuracy")
"""What two equal runs have equal, to the last bit."""

SECTIONS = ("configuration", "network", "data", "environment")

MISSING = "-"
"""Stands for a value that a run does not have."""


class Difference(NamedTuple):
    """A key whose value differs between runs: its section, and the value of each run."""

    section: str
    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class FirstDifference:
    """The first figure that differs between two runs: after which update, and in which epoch.

    step: number of updates before it.
    values: the figure of each run.
    before: updates after which the last equal figures were taken; None where there are none.
    epoch: of a figure that an epoch ended with; None of one in between.
    """

    figure: str
    step: int
    epoch: int | None
    values: tuple[float, float]
    before: int | None

    def __str__(self) -> str:
        first, second = self.values
        when = f"after update {self.step:,}"
        when += "" if self.epoch is None else f" (epoch {self.epoch})"
        equal = (
            "different from the start"
            if self.before is None
            else f"equal to update {self.before:,}"
        )
        return (
            f"{equal}; {when}, {self.figure} {first:.6g} and {second:.6g}, "
            f"{abs(first - second):.2g} apart"
        )


@dataclass(frozen=True)
class RunDiff:
    """How two runs differ; print it to read it.

    names: names of the two runs.
    differences: keys whose values differ.
    first_difference: the first figure that differs; None if all that both runs have are equal.
    compared: number of the figures that both runs have.
    best: the best validation loss of each run; None for a run without validation.
    weights: how the weights of the model files differ; None where a run has no such file.
    """

    names: tuple[str, str]
    differences: tuple[Difference, ...]
    first_difference: FirstDifference | None
    compared: int
    best: tuple[float | None, float | None]
    weights: WeightsDiff | None

    def __str__(self) -> str:
        lines = []
        for section in SECTIONS:
            rows = [d for d in self.differences if d.section == section]
            if rows:
                values = [(d.key, *map(shown, d.values)) for d in rows]
                lines += [f"{section}:", *table([("", *self.names), *values])]
            else:
                lines.append(f"{section}: the same")
        if self.compared == 0:
            lines.append("losses: no update after which both have figures")
        elif self.first_difference is None:
            lines.append(f"losses: all {self.compared} figures that both have are equal")
        else:
            lines.append(f"losses: {self.first_difference}")
        if None not in self.best:
            lines.append("best val loss: {:.6g} and {:.6g}".format(*self.best))
        if self.weights is not None:
            lines.append(f"weights: {self.weights}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "runs": list(self.names),
            "differences": [d._asdict() for d in self.differences],
            "compared": self.compared,
            "first_difference": None
            if self.first_difference is None
            else asdict(self.first_difference),
            "best_val_loss": list(self.best),
            "weights": None if self.weights is None else asdict(self.weights),
        }


def compare_runs(first: Record, second: Record) -> RunDiff:
    """Return how two runs differ."""
    figures = [_by_step(run) for run in (first, second)]
    common = [key for key in figures[0] if key in figures[1]]
    best = [min((v for k, v in f.items() if k[1] == "val_loss"), default=None) for f in figures]
    return RunDiff(
        (str(first.path), str(second.path)),
        tuple(differing([first, second])),
        _first_difference(first, figures[0], figures[1], common),
        len(common),
        (best[0], best[1]),
        compare_weights(first.path / MODEL, second.path / MODEL),
    )


def differing(runs: Sequence[Record]) -> list[Difference]:
    """Return the keys whose values differ between runs, section by section.

    Keys are paths, such as "training.optimizer.lr" and "layers.3.filters"; a value that a run does
    not have is MISSING. A hyperparameter of a layer or loss that a run does not name has its
    default.
    """
    found = []
    for section in SECTIONS:
        tables = [dict(flat(_section(run, section))) for run in runs]
        keys = dict.fromkeys(key for table in tables for key in table)
        for key in keys:
            values = tuple(table.get(key, _default(table, key)) for table in tables)
            if any(value != values[0] for value in values):
                found.append(Difference(section, key, values))
    return found


def written(value: Any) -> str:
    """Return an option as a person writes it: true, none, a list with commas."""
    if isinstance(value, list):
        return ", ".join(map(written, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def shown(value: Any) -> str:
    """Return a value for a table of runs."""
    text = f"{value:g}" if isinstance(value, float) else written(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of texts as lines, indented, with columns that line up."""
    header, *body = rows
    lines = str(Table("", header, body, "<" * len(header))).split("\n")
    return [f"  {line}" for line in lines]


def _section(run: Record, section: str) -> Mapping[str, Any]:
    """Return what one section is about."""
    data = ("dataset", "data-dir", "limit", "limit-per-class", "classes", "validation")
    if section == "configuration":
        return {key: x for key, x in run.config.items() if key not in (*data, "model")}
    if section == "network":  # how it was trained is in the configuration, whole
        network = {"loss": {"type": "SoftmaxCrossEntropy"}, **run.network}
        return {key: x for key, x in network.items() if key != "training"}
    if section == "data":
        chosen = {key: run.config[key] for key in data if key in run.config}
        digest = run.provenance.get("data_hash")
        return chosen if digest is None else {**chosen, "hash of the training part": digest}
    return run.environment


def _default(table: Mapping[str, Any], key: str) -> Any:
    """Return the default of a hyperparameter of the layer or loss that `key` is a path of."""
    place, _, name = key.rpartition(".")
    kind = {**LAYERS, **LOSSES}.get(table.get(f"{place}.type", ""))
    found = {field.name: field.default for field in fields(kind)} if kind is not None else {}
    value = found.get(name, NO_DEFAULT)
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, bool | int | float | str) else MISSING


def flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables by path; those of a list of tables by their index."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = {str(i): item for i, item in enumerate(value)}
    if not isinstance(value, Mapping):
        yield at, value
        return
    for key, item in value.items():
        yield from flat(item, f"{at}.{key}" if at else str(key))


def _by_step(run: Record) -> dict[tuple[int, str], float]:
    """Return the figures of a run by the updates after which they were taken, and name."""
    found: dict[tuple[int, str], float] = {}
    for line in sorted(run.lines, key=lambda line: int(line.get("step", 0))):
        for figure in FIGURES:
            if isinstance(value := line.get(figure), float):
                found[int(line["step"]), figure] = value
    return found


def _first_difference(
    run: Record,
    first: Mapping[tuple[int, str], float],
    second: Mapping[tuple[int, str], float],
    common: Sequence[tuple[int, str]],
) -> FirstDifference | None:
    """Return the first figure that differs, of those that both runs have; None if all are equal."""
    for step, figure in common:
        values = first[step, figure], second[step, figure]
        if values[0] != values[1]:
            ended = {line["step"]: line["epoch"] for line in run.epochs}
            before = max((other for other, _ in common if other < step), default=None)
            return FirstDifference(figure, step, ended.get(step), values, before)
    return None
