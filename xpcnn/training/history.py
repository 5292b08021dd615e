"""What a training run was like, epoch by epoch."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from xpcnn.errors import ConfigError, hint, nearest


@dataclass(frozen=True)
class Epoch:
    """One epoch. Loss and accuracy are sample-weighted means as seen in training, each batch before
    its own step; those of the validation part are of the model at the end of the epoch.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    lr: float
    seconds: float
    images_per_second: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        parts = [f"epoch {self.epoch}", f"loss {self.loss:.4f}", f"accuracy {self.accuracy:.4f}"]
        if self.val_loss is not None and self.val_accuracy is not None:
            parts += [f"val loss {self.val_loss:.4f}", f"val accuracy {self.val_accuracy:.4f}"]
        parts += [f"{self.seconds:.2f} s", f"{self.images_per_second:,.0f} images/s"]
        return "  ".join(parts)


@dataclass
class History:
    """The epochs of a run, in order."""

    epochs: list[Epoch] = field(default_factory=list)

    def __getitem__(self, name: str) -> list[Any]:
        """Return one figure of every epoch: history["loss"].

        Raises:
            ConfigError: there is no such figure.
        """
        figures = [field.name for field in fields(Epoch)]
        if name not in figures:
            advice = nearest(str(name), figures)
            raise ConfigError(hint(f"a history has no figure {name!r}", advice))
        return [getattr(epoch, name) for epoch in self.epochs]

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __len__(self) -> int:
        return len(self.epochs)
