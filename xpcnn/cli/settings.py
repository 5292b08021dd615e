"""What a training run is to do: flags and variables over what the preset says, name by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from xpcnn import optimizers, schedules
from xpcnn.data import Dataset
from xpcnn.errors import ConfigError, hint
from xpcnn.models import Preset, Training, names, preset
from xpcnn.optimizers import Optimizer
from xpcnn.schedules import Schedule
from xpcnn.training import TrainingOptions
from xpcnn.types import Shape

Flags = Mapping[str, Any]
"""By name, None where neither the flag nor its variable is given."""

DEFAULT_MODELS: Mapping[Shape, str] = {
    (1, 8, 8): "digits",
    (1, 28, 28): "small",
    (3, 32, 32): "medium",
}
"""The preset for images of a shape, where no --model is given."""

_OPTIMIZER_FLAGS = ("lr", "momentum", "weight_decay")


class Settings(NamedTuple):
    """The network for the data, and how to train it."""

    preset: Preset
    training: TrainingOptions
    names: dict[str, str]  # of the optimizer and the schedule


def resolve(flags: Flags, given: Preset | None, train: Dataset) -> Settings:
    """Return what flags, preset and defaults make together, the first that speaks deciding.

    The options of the preset's optimizer (schedule) hold for that optimizer (schedule) only.

    Raises:
        ConfigError, ShapeError: a name, an option or the network does not fit.
    """
    chosen = (given or preset(_default_model(train))).for_data(train.shape, len(train.classes))
    table = chosen.table.get("training", {})
    defaults = Training()
    optimizer_table = table.get("optimizer", {"name": "sgd"} | vars(defaults.optimizer))
    schedule_table = table.get("schedule", {"name": "constant"} | vars(defaults.schedule))
    own = {name: flags[name] for name in _OPTIMIZER_FLAGS if flags[name] is not None}
    optimizer_name, optimizer = _named(optimizers.make, flags["optimizer"], optimizer_table, own)
    schedule_name, schedule = _named(schedules.make, flags["schedule"], schedule_table, {})
    training = vars(chosen.training) | {"optimizer": optimizer, "schedule": schedule}
    for name in ("epochs", "batch_size", "seed", "clip_norm"):
        if flags[name] is not None:
            training[name] = flags[name]
    if flags["clip_norm"] is not None:
        training["clip_value"] = None  # one of the two: the flag replaces the preset's
    options = TrainingOptions(**training)
    options.clip()  # refuses a limit that is none
    return Settings(chosen, options, {"optimizer": optimizer_name, "schedule": schedule_name})


def read_preset(name: str | None) -> Preset | None:
    """Return the preset that --model names, if any: before the data are read."""
    return None if name is None else preset(name)


def as_flags(flags: Flags, settings: Settings) -> dict[str, Any]:
    """Return the whole run by the names of flags: given again, with the model, they repeat it."""
    training = settings.training
    optimizer: Any = training.optimizer
    resolved = {
        **flags,
        "model": settings.preset.name,
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        **settings.names,
        **{name: getattr(optimizer, name, None) for name in _OPTIMIZER_FLAGS},
        "clip_norm": training.clip_norm,
        "seed": training.seed,
    }
    return {name.replace("_", "-"): value for name, value in resolved.items() if value is not None}


def _named(
    make: Callable[..., Any], flag: str | None, table: Mapping[str, Any], own: Mapping[str, Any]
) -> tuple[str, Any]:
    """Return the name and the object that a flag, or a table {name, options}, stands for."""
    name = table["name"] if flag is None else flag
    options = {k: v for k, v in table.items() if k != "name"} if name == table["name"] else {}
    return name, make(name, **options | own)


def _default_model(train: Dataset) -> str:
    if train.shape in DEFAULT_MODELS:
        return DEFAULT_MODELS[train.shape]
    message = f"there is no default model for images of the shape {train.shape}"
    raise ConfigError(hint(message, f"--model, one of {', '.join(names())}, or a .toml file"))
