"""The settings of a training run: the request, merged with the preset and the defaults."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from xpcnn.cli.default_model import choose, for_task
from xpcnn.cli.flag_values import Flags
from xpcnn.cli.request import Request
from xpcnn.cli.run_folder import INIT
from xpcnn.config.overlay import Change
from xpcnn.config.preset import Preset, overridden
from xpcnn.config.tables import training_table
from xpcnn.config.training_options import TrainingOptions
from xpcnn.data import Dataset
from xpcnn.models import preset
from xpcnn.runs.record import NETWORK


class Settings(NamedTuple):
    """The network for the data, how to train it, and notes about choices that no flag made."""

    preset: Preset
    notes: tuple[str, ...] = ()

    @property
    def training(self) -> TrainingOptions:
        """How to train."""
        return self.preset.training

    def frozen(self, layers: Sequence[str]) -> "Settings":
        """Return the settings with these layers frozen at first, where nothing else is."""
        if self.training.freeze:
            return self
        training = replace(self.training, freeze=tuple(f"{layer}.*" for layer in layers))
        return self._replace(preset=replace(self.preset, training=training))


def resolve(request: Request, given: Preset | None, train: Dataset) -> Settings:
    """Merge the request into the preset, or into the defaults for the data; the request wins.

    Raises:
        ConfigError, ShapeError: a name, an option or the network does not fit; names its source.
    """
    data = train.shape, len(train.classes), train.task
    if given is not None or any(change.path == ("layers",) for change in request.changes):
        name = request.name if given is None else given.name
        own, notes = for_task(given, train.task)
        return Settings(overridden(given, name, [*own, *request.changes], *data), notes)
    choice = choose(train)
    base = preset(choice.name)
    own, task_notes = for_task(base, train.task)
    own = [Change(choice.name, ("training",), choice.training), *own]
    proposed, chosen = (
        overridden(base, choice.name, changes, *data) for changes in (own, [*own, *request.changes])
    )
    notes = task_notes + tuple(
        note
        for name, note in choice.notes.items()
        if getattr(chosen.training, name, None) == getattr(proposed.training, name, None)
    )
    return Settings(chosen, notes)


def run_table(flags: Flags, training: TrainingOptions) -> dict[str, Any]:
    """Return the table of the config.toml that repeats a run."""
    table = dict(sorted((flags.recorded() | {"model": NETWORK}).items()))
    if "init" in table:
        table["init"] = INIT
    return table | {"training": training_table(training)}
