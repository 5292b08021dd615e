"""The history of a run: the figures of its epochs and validations, and notes for the user."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from html import escape
from typing import TYPE_CHECKING, Any, NoReturn

from xpcnn.argument_advice import no_attribute
from xpcnn.config.training_options import LOWER
from xpcnn.errors import ConfigError, counted, figure_name, hint, nearest
from xpcnn.markup import curves
from xpcnn.text_table import Table

if TYPE_CHECKING:
    from xpcnn.figures import Canvas


@dataclass(frozen=True)
class Validation:
    """Figures of one validation.

    step: number of updates before it.
    loss, accuracy: means over the validation part; accuracy is None in regression.
    ends_epoch: whether the validation was at the end of an epoch.
    metrics: figures of the task, and the metrics of the options, by name; None for NaN and
        infinity.
    """

    step: int
    loss: float
    accuracy: float | None
    ends_epoch: bool
    metrics: dict[str, float | None] = field(default_factory=dict)

    def figure(self, name: str) -> float | None:
        """Return "val_loss", "val_accuracy" or a metric, "val_f1"; None for what is not there."""
        figures = {"loss": self.loss, "accuracy": self.accuracy, **self.metrics}
        return figures.get(name.removeprefix("val_"))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, each metric as val_<name>."""
        return _with_metrics(self)

    def __str__(self) -> str:
        parts = [f"step {self.step:,}", f"val loss {self.loss:.4f}"]
        parts += _shown({"accuracy": self.accuracy, **self.metrics})
        return "  ".join(parts)


@dataclass(frozen=True)
class Epoch:
    """Figures of one epoch.

    epoch: number of the epoch, from 1.
    loss, accuracy: means over the samples of the epoch, each batch before its own update; accuracy
        is None in regression. A loss with class weights or an ignored class, which divides by the
        weights of a batch, counts each batch by its number of samples.
    val_loss, val_accuracy: means over the validation part at the end of the epoch; None without
        validation.
    lr: learning rate of the last update.
    seconds: duration.
    images_per_second: speed of training.
    step: number of updates since the start of the run.
    data_seconds: time spent waiting for batches, part of `seconds`.
    validation_seconds: duration of the validation at the end, not part of `seconds`; None without
        validation.
    metrics: figures of the validation part, by name; see `Validation`.
    """

    epoch: int
    loss: float
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    lr: float
    seconds: float
    images_per_second: float
    step: int
    metrics: dict[str, float | None] = field(default_factory=dict)
    data_seconds: float | None = None
    validation_seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, each metric as val_<name>."""
        return _with_metrics(self)

    def __str__(self) -> str:
        parts = [f"epoch {self.epoch}", f"loss {self.loss:.4f}"]
        parts += [] if self.accuracy is None else [f"accuracy {self.accuracy:.4f}"]
        parts += _shown({"loss": self.val_loss, "accuracy": self.val_accuracy, **self.metrics})
        parts += [f"{self.seconds:.2f} s", f"{self.images_per_second:,.0f} images/s"]
        return "  ".join(parts)


@dataclass
class History:
    """What `Model.fit` returns: the figures of every epoch.

        print(history)            # a table of the epochs, and the notes
        history["val_accuracy"]   # one figure of every epoch, a list
        history.plot()            # curves
        for epoch in history: ... # the records, see `Epoch`

    epochs: the records of the epochs, in order.
    validations: the records of all validations, also those within epochs, in order.
    notes: messages for the user, such as why the run stopped or problems of training.
    """

    epochs: list[Epoch] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    if not TYPE_CHECKING:  # to type checkers, unknown attributes are unknown

        def __getattr__(self, name: str) -> NoReturn:
            """Raise an error that says what to write instead of an attribute of other libraries."""
            raise no_attribute("History", name, dir(self))

    def best(self, monitor: str) -> int | None:
        """Return the index of the best validation (the first if tied), or None if there is none.

        monitor: one of `MONITORS`; a validation without it is the worst.
        """
        sign = 1.0 if monitor in LOWER else -1.0
        found = [v.figure(monitor) for v in self.validations]
        values = [math.inf if x is None else sign * x for x in found]
        return values.index(min(values)) if values else None

    def would_be_best(self, record: Validation, monitor: str) -> bool:
        """Return whether a further validation `record` would be better by `monitor` than all."""
        longer = History(validations=[*self.validations, record])
        return longer.best(monitor) == len(self.validations)

    def __str__(self) -> str:
        """Return a table: epoch, loss, accuracy, of the validation part too, lr and seconds."""
        return "\n".join([str(self._table()), *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the curve of the loss, the table, and the notes."""
        notes = [f"<p>{escape(f'note: {note}')}</p>" for note in self.notes]
        lines = {"loss": self["loss"], "validation loss": self["val_loss"]}
        lines = {name: ys for name, ys in lines.items() if any(y is not None for y in ys)}
        drawn = [curves(lines, f"loss over {len(self)} epochs")] if lines and len(self) > 1 else []
        return "\n".join([*drawn, self._table().html(), *notes])

    def _table(self) -> Table:
        formats = {
            "epoch": "d",
            **dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), ".4f"),
            **dict.fromkeys(self.metrics, ".4f"),
            "lr": ".4g",
            "seconds": ".2f",
        }
        columns = {
            name: ["" if x is None else format(x, form) for x in self[name]]
            for name, form in formats.items()
            if not self.epochs or any(x is not None for x in self[name])
        }
        rows = list(zip(*columns.values(), strict=True))
        return Table(counted(len(self), "epoch"), list(columns), rows, ">" * len(columns))

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics of the validations: "val_f1", ..."""
        return list(dict.fromkeys(f"val_{name}" for e in self.epochs for name in e.metrics))

    def plot(self) -> "Canvas":
        """Return a figure of matplotlib: loss, accuracy and learning rate over the epochs.

        The training part is blue, the validation part orange; the background is transparent.
        `history.plot().savefig("curves.png")` writes it to a file.

        Raises:
            PackageMissingError: matplotlib is not installed.
        """
        from xpcnn.figures import training_curves

        return training_curves({"": self})

    def losses(self) -> Sequence[float]:
        """Return the validation loss of every epoch, or the training loss without validation."""
        return [e.loss if e.val_loss is None else e.val_loss for e in self.epochs]

    def __getitem__(self, name: str) -> list[Any]:
        """Return one figure of every epoch: history["loss"]; None for an epoch without it.

        Raises:
            ConfigError: the figure is unknown.
        """
        figures = [field.name for field in fields(Epoch) if field.name != "metrics"] + self.metrics
        if name not in figures:
            advice = nearest(str(name), figures)
            if isinstance(name, int | slice):
                advice = f"history.epochs[{name if isinstance(name, int) else '...'}]"
            raise ConfigError(hint(f"a history has no figure {name!r}", advice))
        return [epoch.as_dict().get(name) for epoch in self.epochs]

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __len__(self) -> int:
        return len(self.epochs)


def _with_metrics(record: Epoch | Validation) -> dict[str, Any]:
    table = asdict(record)
    return table | {f"val_{name}": value for name, value in table.pop("metrics").items()}


def _shown(metrics: Mapping[str, float | None]) -> list[str]:
    return [f"val {figure_name(name)} {x:.4f}" for name, x in metrics.items() if x is not None]
