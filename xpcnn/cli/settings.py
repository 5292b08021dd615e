"""What a training run is to do: what is asked for, over what the preset says."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from xpcnn.cli.default_model import Choice, choose
from xpcnn.cli.request import Request
from xpcnn.data import Dataset
from xpcnn.errors import XpcnnError, prefix_errors
from xpcnn.io import toml
from xpcnn.losses import SoftmaxCrossEntropy
from xpcnn.models import Preset, preset
from xpcnn.models.overlay import put
from xpcnn.models.preset_files import build
from xpcnn.models.tables import training_table
from xpcnn.runs.record import NETWORK
from xpcnn.training import TrainingOptions

INIT = "init.safetensors"
"""The copy of the model file whose weights a run starts from, beside the configuration too."""


class Settings(NamedTuple):
    """The network for the data, how to train it, the file that repeats it all, as a table, and what
    to say of the choices that nobody made.
    """

    preset: Preset
    training: TrainingOptions
    config: dict[str, Any]
    notes: tuple[str, ...] = ()


def resolve(request: Request, given: Preset | None, train: Dataset) -> Settings:
    """Merge request, preset and defaults; the first of them to set a value wins.

    Raises:
        ConfigError, ShapeError: a name, an option or the network does not fit; says whose it is.
    """
    choice = Choice("")
    if given is None and not any(change.path == ("layers",) for change in request.changes):
        choice = choose(train)
        given = preset(choice.name)
    name = request.name if given is None else given.name
    wheres, tables = [name], [_with_defaults({} if given is None else given.table)]
    tables[0]["training"] |= choice.training
    for change in request.changes:
        with prefix_errors(change.where):
            tables.append(put(tables[-1], change.path, change.value))
        wheres.append(change.where)
    data = {"input_shape": list(train.shape), "classes": len(train.classes)}
    tables = [table | data for table in tables]
    source = _source(name, given, tables)
    try:
        chosen = build(name, tables[-1], source)
    except XpcnnError as error:
        first = next(i for i, table in enumerate(tables) if _refusal(table) == str(error))
        with prefix_errors(wheres[first]):
            raise
    flags = {name.replace("_", "-"): x for name, x in request.flags.items() if x is not None}
    config = dict(sorted((flags | {"model": NETWORK}).items()))
    if "init" in config:
        config["init"] = INIT
    config["training"] = training_table(chosen.training)
    before, after = (table["training"] for table in (tables[0], tables[-1]))
    notes = (note for key, note in choice.notes.items() if before.get(key) == after.get(key))
    return Settings(chosen, chosen.training, config, tuple(notes))


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
