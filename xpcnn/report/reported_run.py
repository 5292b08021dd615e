"""A run as its report shows it: what its folder says, and its model."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xpcnn.model import Model
from xpcnn.runs import Record
from xpcnn.runs.record import CONFIG


@dataclass(frozen=True)
class Run:
    """A run that has a model. name: the one shown, different for each run of a report."""

    name: str
    record: Record
    model: Model

    def __getitem__(self, figure: str) -> Sequence[Any]:
        """Return a figure of every epoch; None where it was no finite number."""
        return [number_or_none(line.get(figure)) for line in self.record.epochs]

    def __len__(self) -> int:
        """Return how many epochs have ended."""
        return len(self.record.epochs)

    @property
    def metrics(self) -> Sequence[str]:
        """The names of the metrics beside loss and accuracy: "val_f1", ..."""
        names = dict.fromkeys(name for line in self.record.epochs for name in line)
        known = ("val_loss", "val_accuracy")
        return [name for name in names if name.startswith("val_") and name not in known]

    @property
    def seconds(self) -> float:
        """The time of all epochs."""
        return float(sum(x or 0.0 for x in self["seconds"]))

    @property
    def duration(self) -> str:
        """The time of all epochs in words: "59.5 s", "35 min", "2.5 h"."""
        seconds = self.seconds
        if seconds < 120:
            return f"{seconds:.1f} s"
        return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

    @property
    def data(self) -> str:
        """The name of the data set that the model was trained on."""
        return str(self.record.provenance.get("data", "unknown data"))

    @property
    def test(self) -> Mapping[str, Any]:
        """The figures of the test at the end of the run; empty if there was none."""
        metrics = self.record.provenance.get("metrics")
        found = metrics.get("test") if isinstance(metrics, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def command(self) -> str:
        """The command that repeats the run."""
        return shlex.join(["xpcnn", "train", "--config", str(self.record.path / CONFIG)])


def number_or_none(value: Any) -> float | int | None:
    """Return a number that was read from a file; None for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def number(value: Any, form: str = ".4f") -> str:
    """Return a number as text; a dash for None and for values that are not numbers."""
    found = number_or_none(value)
    return "–" if found is None else format(found, form)
