"""The settings of a training run: the request, merged with the preset and the defaults."""

from typing import Any, NamedTuple

from xpcnn.cli.default_model import choose
from xpcnn.cli.flags import Flags
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
    """The network for the data with how to train it, and what to say of the choices that nobody
    made.
    """

    preset: Preset
    notes: tuple[str, ...] = ()

    @property
    def training(self) -> TrainingOptions:
        """How to train."""
        return self.preset.training


def resolve(request: Request, given: Preset | None, train: Dataset) -> Settings:
    """Merge the request into the preset, or into the defaults for the data; the request wins.

    Raises:
        ConfigError, ShapeError: a name, an option or the network does not fit; says whose it is.
    """
    shape, classes = train.shape, len(train.classes)
    if given is not None or any(change.path == ("layers",) for change in request.changes):
        name = request.name if given is None else given.name
        return Settings(overridden(given, name, request.changes, shape, classes))
    choice = choose(train)
    own = [Change(choice.name, ("training",), choice.training)]
    proposed, chosen = (
        overridden(preset(choice.name), choice.name, changes, shape, classes)
        for changes in (own, [*own, *request.changes])
    )
    notes = [
        note
        for name, note in choice.notes.items()
        if getattr(chosen.training, name, None) == getattr(proposed.training, name, None)
    ]
    return Settings(chosen, tuple(notes))


def run_table(flags: Flags, training: TrainingOptions) -> dict[str, Any]:
    """Return the table of the config.toml that repeats a run."""
    table = dict(sorted((flags.recorded() | {"model": NETWORK}).items()))
    if "init" in table:
        table["init"] = INIT
    return table | {"training": training_table(training)}
