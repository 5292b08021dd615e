"""A preset: a network and its training options, built from a table and changes to it.

The whole table is checked when a preset is built.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from xpcnn.config import toml
from xpcnn.config.overlay import Change, put
from xpcnn.config.registry import preset_objects
from xpcnn.config.tables import training_table
from xpcnn.config.training_options import TrainingOptions
from xpcnn.config.values import read_fields
from xpcnn.errors import ConfigError, ShapeError, XpcnnError, counted, hint, prefix_errors
from xpcnn.layers import Layer, Sequential
from xpcnn.losses import Loss, SoftmaxCrossEntropy, outputs_for
from xpcnn.sizes import sizes_of
from xpcnn.tasks import as_task
from xpcnn.types import Shape, TaskName

_CLASSES = "classes"


@dataclass(frozen=True)
class Preset:
    """A network and how to train it: `model.fit(data, preset.training)`.

    name: name of the preset; for a file, the name in the file, by default the name of the file.
    layers, loss: the network and its loss.
    input_shape: shape of one sample, (c, h, w) or (c,).
    classes: number of classes; for other tasks, of labels or numbers.
    training: options of the training.
    source: text of the file.
    task: what targets are: "classification", "multi-label" or "regression".
    """

    name: str
    layers: Layer
    input_shape: Shape
    classes: int
    loss: Loss
    training: TrainingOptions
    source: str = field(repr=False)
    task: TaskName = "classification"

    @property
    def table(self) -> dict[str, Any]:
        """The table in the file, before any name in it is looked up."""
        return toml.parse(self.source)

    def for_data(self, shape: Shape, classes: int) -> "Preset":
        """Return the preset for samples of another shape and another number of classes.

        Raises:
            ShapeError: the network cannot take such samples.
            ConfigError: the last layer has a fixed number of outputs other than `classes`.
        """
        table = self.table | {"input_shape": list(shape), _CLASSES: classes}
        return build(self.name, table, self.source, self.name)


@dataclass(frozen=True)
class _File:
    """The tables of a preset file."""

    input_shape: tuple[int, ...]
    classes: int
    layers: Sequence[Layer]
    _: KW_ONLY
    name: str = ""
    loss: Loss = SoftmaxCrossEntropy()  # noqa: RUF009 - frozen
    training: TrainingOptions = TrainingOptions()  # noqa: RUF009 - frozen
    task: TaskName = "classification"

    def __post_init__(self) -> None:
        if not self.input_shape or min(self.input_shape) < 1:
            message = f"input_shape is {self.input_shape}, expected sizes of at least 1"
            raise ConfigError(hint(message, "input_shape = [1, 28, 28]"))
        least = as_task(self.task).least
        if self.classes < least:
            message = f"classes is {self.classes}, expected at least {least}"
            raise ConfigError(hint(message, "classes = 10"))


def build(name: str, table: Mapping[str, Any], source: str, where: str = "") -> Preset:
    """Return the preset that a table describes; errors begin with `where`."""
    with prefix_errors(where):
        try:
            number = table.get(_CLASSES)
            if type(number) is int and "layers" in table:
                table = {**table, "layers": _with_classes(table["layers"], number)}
            file = _File(**read_fields(_File, table, "", "the model", preset_objects()))
            layers = Sequential(file.layers)
            _check_outputs(layers, file)
        except RecursionError:
            raise ConfigError(
                hint("its tables are nested too deep", "one list of layers")
            ) from None
    name = file.name or name
    return Preset(
        name, layers, file.input_shape, file.classes, file.loss, file.training, source, file.task
    )


def overridden(
    given: Preset | None,
    name: str,
    changes: Sequence[Change],
    shape: Shape,
    classes: int,
    task: TaskName = "classification",
) -> Preset:
    """Return a preset with changes, for a shape of samples and a number of classes.

    given: the preset to change; None for a network that the changes alone describe. Options that
    neither of them sets have their default. task: what targets are. The source is that of `given`
    if only `training` is changed.

    Raises:
        ConfigError, ShapeError: a change or the result of the changes is not valid; begins with the
            source of the value at fault, `Change.where` or the name.
    """
    data: dict[str, Any] = {"input_shape": list(shape), _CLASSES: classes}
    if task != "classification" or (given is not None and given.task != task):
        data["task"] = task
    tables = [_with_defaults({} if given is None else given.table) | data]
    for change in changes:
        with prefix_errors(change.where):
            tables.append(put(tables[-1], change.path, change.value) | data)
    source = _source(name, given, tables[0], tables[-1])
    try:
        return build(name, tables[-1], source)
    except XpcnnError as error:
        wheres = [name, *(change.where for change in changes)]
        first = next(i for i, table in enumerate(tables) if _rejection(table) == str(error))
        with prefix_errors(wheres[first]):
            raise


def _source(
    name: str, given: Preset | None, before: Mapping[str, Any], after: Mapping[str, Any]
) -> str:
    """Return the text of the network under its name: the preset's own, unless it was changed."""
    old, new = (
        {key: value for key, value in table.items() if key != "training"}
        for table in (before, after)
    )
    source = given.source if given is not None and old == new else toml.write(new)
    return source if "name" in new else f"{toml.write({'name': name})}\n{source}"


def _rejection(table: Mapping[str, Any]) -> str | None:
    """Return the error of a table that is not a preset; None if it is one."""
    try:
        build("", table, "")
    except XpcnnError as error:
        return str(error)
    return None


def _with_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of a preset completed by default options."""
    training = training_table(TrainingOptions()) | table.get("training", {})
    return {"loss": {"type": SoftmaxCrossEntropy.__name__}, **table, "training": training}


def _with_classes(value: Any, number: int) -> Any:
    """Return nested tables with the number of classes for `units = "classes"`."""
    if isinstance(value, list):
        return [_with_classes(item, number) for item in value]
    if isinstance(value, dict):
        return {
            key: number
            if key in ("units", "filters") and item == _CLASSES
            else _with_classes(item, number)
            for key, item in value.items()
        }
    return value


def _check_outputs(layers: Layer, file: _File) -> None:
    """Require layers that make one row of scores, as many as the classes need."""
    output = sizes_of(layers, file.input_shape).output
    task = as_task(file.task)
    task.check_loss(file.loss)
    is_classification = file.task == "classification"
    valid = outputs_for(file.loss, file.classes) if is_classification else (file.classes,)
    if len(output) != 1:
        message = f"the layers make {output} of a sample of {file.input_shape}, expected a row"
        raise ShapeError(hint(message, 'a Flatten and a Dense layer with units = "classes" last'))
    if output[0] not in valid:
        message = (
            f"the layers make {counted(output[0], 'output')} for {counted(file.classes, 'class')}"
        )
        raise ConfigError(hint(message, 'units = "classes" in the last Dense layer'))
