"""What a training run is to do: what is asked for, over what the preset says."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from xpcnn.cli.request import Request
from xpcnn.data import Dataset
from xpcnn.errors import ConfigError, XpcnnError, hint, said_of
from xpcnn.io import toml
from xpcnn.losses import SoftmaxCrossEntropy
from xpcnn.models import Preset, names, preset
from xpcnn.models.overlay import put
from xpcnn.models.preset import build
from xpcnn.models.tables import training_table
from xpcnn.training import TrainingOptions
from xpcnn.types import Shape

NETWORK = "model.toml"
"""The file of the network, beside that of the configuration, which names it."""

INIT = "init.safetensors"
"""The copy of the model file whose weights a run starts from, beside the configuration too."""

DEFAULT_MODELS: Mapping[Shape, str] = {
    (1, 8, 8): "digits",
    (1, 28, 28): "small",
    (3, 32, 32): "medium",
}
"""The preset for images of a shape, where no model is given."""


class Settings(NamedTuple):
    """The network for the data, how to train it, and the file that repeats it all, as a table."""

    preset: Preset
    training: TrainingOptions
    config: dict[str, Any]


def resolve(request: Request, given: Preset | None, train: Dataset) -> Settings:
    """Return what the request, the preset and defaults come to, the first that speaks deciding.

    Raises:
        ConfigError, ShapeError: a name, an option or the network does not fit; says whose it is.
    """
    if given is None and not any(change.path == ("layers",) for change in request.changes):
        given = preset(_default_model(train))
    name = request.name if given is None else given.name
    wheres, tables = [name], [_with_defaults({} if given is None else given.table)]
    for change in request.changes:
        with said_of(change.where):
            tables.append(put(tables[-1], change.path, change.value))
        wheres.append(change.where)
    data = {"input_shape": list(train.shape), "classes": len(train.classes)}
    tables = [table | data for table in tables]
    source = _source(name, given, tables)
    try:
        chosen = build(name, tables[-1], source)
    except XpcnnError as error:
        first = next(i for i, table in enumerate(tables) if _refusal(table) == str(error))
        with said_of(wheres[first]):
            raise
    flags = {name.replace("_", "-"): x for name, x in request.flags.items() if x is not None}
    config = dict(sorted((flags | {"model": NETWORK}).items()))
    if "init" in config:
        config["init"] = INIT
    config["training"] = training_table(chosen.training)
    return Settings(chosen, chosen.training, config)


def _source(name: str, given: Preset | None, tables: Sequence[dict[str, Any]]) -> str:
    """Return the text of the network under its name: the preset's own, unless it was changed."""
    before, after = (
        {key: value for key, value in table.items() if key != "training"}
        for table in (tables[0], tables[-1])
    )
    source = given.source if given is not None and before == after else toml.write(after)
    return source if "name" in after else f"{toml.write({'name': name})}\n{source}"


def _refusal(table: Mapping[str, Any]) -> str | None:
    """Return what is said of a table that is no preset."""
    try:
        build("", table, "")
    except XpcnnError as error:
        return str(error)
    return None


def _with_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of a preset with the options that it leaves open."""
    training = training_table(TrainingOptions()) | table.get("training", {})
    return {"loss": {"type": SoftmaxCrossEntropy.__name__}, **table, "training": training}


def _default_model(train: Dataset) -> str:
    if train.shape in DEFAULT_MODELS:
        return DEFAULT_MODELS[train.shape]
    message = f"there is no default model for images of the shape {train.shape}"
    raise ConfigError(hint(message, f"--model with one of {', '.join(names())}, or a .toml file"))
