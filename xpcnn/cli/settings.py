"""What a training run is to do: flags and variables over what the preset says, name by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from xpcnn import optimizers, schedules
from xpcnn.data import Dataset, augment
from xpcnn.errors import ConfigError, hint
from xpcnn.models import Preset, names, preset
from xpcnn.training import TrainingOptions
from xpcnn.types import Shape

Flags = Mapping[str, Any]
"""Values by name, None where neither the flag nor its variable is given."""

DEFAULT_MODELS: Mapping[Shape, str] = {
    (1, 8, 8): "digits",
    (1, 28, 28): "small",
    (3, 32, 32): "medium",
}
"""The preset for images of a shape, where no --model is given."""

_OF_OPTIMIZER = ("lr", "momentum", "weight_decay")


class Settings(NamedTuple):
    """The network for the data, how to train it, and both by the names of flags."""

    preset: Preset
    training: TrainingOptions
    config: dict[str, Any]


def resolve(flags: Flags, given: Preset | None, train: Dataset) -> Settings:
    """Return what flags, preset and defaults make together, the first that speaks deciding.

    The options of the preset's optimizer (schedule, augmentation) hold for that one only.
    `config` has every flag that has a value: given again with the same model, they repeat the run.

    Raises:
        ConfigError, ShapeError: a name, an option or the network does not fit.
    """
    chosen = (given or preset(_default_model(train))).for_data(train.shape, len(train.classes))
    table = chosen.table.get("training", {})
    own = {name: flags[name] for name in _OF_OPTIMIZER if flags[name] is not None}
    sgd = table.get("optimizer", {"name": "sgd", **vars(TrainingOptions().optimizer)})
    optimizer, optimizer_name = _named(optimizers.make, flags["optimizer"], sgd, own)
    constant = table.get("schedule", {"name": "constant"})
    schedule, schedule_name = _named(schedules.make, flags["schedule"], constant, {})

    changes, names_of_changes = _listed(flags["augment"], table.get("augment", []))

    training = vars(chosen.training) | {"optimizer": optimizer, "schedule": schedule}
    training["augment"] = changes
    if flags["clip_norm"] is not None:
        training["clip_value"] = None  # the flag replaces the preset's way to clip
    for name in ("epochs", "batch_size", "clip_norm"):
        if flags[name] is not None:
            training[name] = flags[name]
    options = TrainingOptions(**training)

    config = {
        **flags,
        "model": flags.get("model") or chosen.name,
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "optimizer": optimizer_name,
        **{name: getattr(optimizer, name, None) for name in _OF_OPTIMIZER},
        "schedule": schedule_name,
        "clip_norm": options.clip_norm,
        "augment": names_of_changes,
    }
    given_again = {k.replace("_", "-"): x for k, x in sorted(config.items()) if x is not None}
    return Settings(chosen, options, given_again)


def _named(
    make: Callable[..., Any], flag: str | None, table: Mapping[str, Any], own: dict[str, Any]
) -> tuple[Any, str]:
    """Return what a flag, or else a table {name, options}, stands for, and its name."""
    options = dict(table)
    name = options.pop("name")
    if flag not in (None, name):
        name, options = flag, {}
    return make(name, **options | own), name


def _listed(
    flag: str | None, tables: Sequence[Mapping[str, Any]]
) -> tuple[tuple[augment.Augmentation, ...], str]:
    """Return the augmentations that a flag, or else tables {name, options}, list; their names."""
    if flag is not None:
        wanted = [] if flag == "none" else [name.strip() for name in flag.split(",")]
        if wanted != [table["name"] for table in tables]:
            known = {table["name"]: table for table in tables}
            tables = [known.get(name, {"name": name}) for name in wanted]
    listed = ",".join(table["name"] for table in tables)
    return tuple(augment.make(**table) for table in tables), listed or "none"


def _default_model(train: Dataset) -> str:
    if train.shape in DEFAULT_MODELS:
        return DEFAULT_MODELS[train.shape]
    message = f"there is no default model for images of the shape {train.shape}"
    raise ConfigError(hint(message, f"--model with one of {', '.join(names())}, or a .toml file"))
