"""The flags of `xpcnn train` that are not part of a preset."""

from dataclasses import dataclass, fields
from typing import Any, Literal


@dataclass(frozen=True)
class Flags:
    """The options of a run that are not part of its preset; None where none is given.

    The fields are the flags, with "_" for "-"; `xpcnn train --help` says what each means.
    """

    backend: str
    device: str | None
    tf32: bool | None
    dataset: str
    data_dir: str | None
    image_size: str | None
    image_fit: Literal["pad", "crop"] | None
    label_column: str | None
    task: str | None
    skip_damaged: bool | None
    stream: Literal["yes", "no"] | None
    limit: int | None
    limit_per_class: int | None
    classes: str | None
    model: str | None
    init: str | None
    thresholds: str | None
    checkpoint_steps: int | None
    checkpoint_seconds: float | None
    seed: int
    dtype: str
    engine: str | None
    processes: int | None
    validation: float | str | None
    folds: int | None
    fold: int | None
    no_health: bool | None
    tensorboard: bool | None
    dry_run: bool
    find_lr: bool
    overfit_one_batch: bool
    no_preflight: bool
    out: str | None
    report: bool
    quiet: bool
    as_json: bool

    def diagnostics(self) -> list[str]:
        """Return the diagnostics that were requested in place of a run."""
        return [name for name in _DIAGNOSTICS if getattr(self, name)]

    def recorded(self) -> dict[str, Any]:
        """Return the flags that a run folder records, by their long names."""
        names = [field.name for field in fields(self) if field.name not in _NOT_RECORDED]
        return {
            name.replace("_", "-"): value
            for name in names
            if (value := getattr(self, name)) is not None
        }


_DIAGNOSTICS = ("dry_run", "find_lr", "overfit_one_batch")
_NOT_RECORDED = (
    *(*_DIAGNOSTICS, "no_preflight", "out", "report", "quiet", "as_json"),
    *("engine", "processes"),
)
