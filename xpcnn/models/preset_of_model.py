"""A preset from a saved model: its network for other data, with a head for the classes there."""

from collections.abc import Sequence
from typing import Any

from xpcnn.config import toml
from xpcnn.config.preset import Preset, build
from xpcnn.config.tables import to_config
from xpcnn.errors import ConfigError, hint
from xpcnn.layers import Sequential
from xpcnn.model import Model

_LIMITS = ("max_steps", "max_seconds")


def preset_of(model: Model, name: str) -> Preset:
    """Return the network of a model, to be trained as the run was that made it, if a run did.

    The limits of that run, `max_steps` and `max_seconds`, are left out.

    A last layer with an output for each class follows the classes of other data (`units =
    "classes"`).

    Raises:
        ConfigError: the network is no Sequential, or holds what no file describes.
    """
    if not isinstance(model.layers, Sequential):
        message = f"{name}: the network is a {type(model.layers).__name__}, not a Sequential"
        raise ConfigError(hint(message, "--model with the file of the new network"))
    layers: list[dict[str, Any]] = to_config(model.layers)["layers"]
    outputs = model.output_shape[0]
    classes = max(model.task.least, outputs) if model.classes is None else len(model.classes)
    head: dict[str, Any] = next(
        (table for table in reversed(layers) if {"units", "filters"} & {*table}), {}
    )
    for size in ("units", "filters"):
        if head.get(size) == outputs == classes:
            head[size] = "classes"
    table: dict[str, Any] = {
        "name": name,
        "input_shape": list(model.input_shape),
        "classes": classes,
        "layers": layers,
        "loss": to_config(model.loss),
    }
    if model.task.name != "classification":
        table["task"] = model.task.name
    config = model.provenance.get("config")
    if isinstance(config, dict) and isinstance(config.get("training"), dict):
        training = config["training"]
        table["training"] = {name: x for name, x in training.items() if name not in _LIMITS}
    return build(name, table, toml.write(table), name)


def without_weights_of_other_classes(
    preset: Preset, model: Model, classes: Sequence[str]
) -> tuple[Preset, tuple[str, ...]]:
    """Return a preset of a model for data with these classes, and the weights that it lost.

    The loss keeps `class_weights` and `positive_weights` only if the classes are those of the
    model: they were chosen for these, or computed by "balanced" from their numbers of samples.
    """
    if model.classes is None:
        same = len(classes) == preset.classes
    else:
        same = tuple(classes) == tuple(model.classes)
    table = preset.table
    lost = tuple(name for name in ("class_weights", "positive_weights") if name in table["loss"])
    if same or not lost:
        return preset, ()
    table["loss"] = {name: x for name, x in table["loss"].items() if name not in lost}
    return build(preset.name, table, toml.write(table), preset.name), lost
