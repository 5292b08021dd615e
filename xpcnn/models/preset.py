"""Reading presets; the package says what a file holds. All of it is checked when it is read."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from xpcnn import optimizers, schedules
from xpcnn.data import augment
from xpcnn.errors import ConfigError, ShapeError, XpcnnError, hint, nearest, with_context
from xpcnn.io.registry import objects
from xpcnn.io.values import Objects, read_fields
from xpcnn.layers import Layer, Sequential
from xpcnn.losses import Loss, SoftmaxCrossEntropy, outputs_for
from xpcnn.optimizers import Optimizer
from xpcnn.schedules import Schedule
from xpcnn.sizes import sizes
from xpcnn.training import TrainingOptions
from xpcnn.types import Shape

_FOLDER = Path(__file__).parent
_CLASSES = "classes"


@dataclass(frozen=True)
class Preset:
    """A network for samples of `input_shape` in `classes` classes, and how to train it.

    The name of a preset from a file is the file's; source is the text of the file. It is trained by
    `model.fit(data, **vars(preset.training))`.
    """

    name: str
    layers: Layer
    input_shape: Shape
    classes: int
    loss: Loss
    training: TrainingOptions
    source: str

    @property
    def table(self) -> dict[str, Any]:
        """The file as read, before any name in it is looked up."""
        return tomllib.loads(self.source)

    def for_data(self, shape: Shape, classes: int) -> "Preset":
        """Return the preset for samples of another shape and another number of classes.

        Raises:
            ShapeError: the network cannot take such samples.
            ConfigError: the number of outputs is written as a number, and is another.
        """
        changes = {"input_shape": list(shape), _CLASSES: classes}
        return _build(self.name, self.name, self.source, changes)


@dataclass(frozen=True)
class _File:
    """The tables of a preset file."""

    input_shape: tuple[int, ...]
    classes: int
    layers: Sequence[Layer]
    _: KW_ONLY
    loss: Loss = SoftmaxCrossEntropy()  # noqa: RUF009 - frozen
    training: TrainingOptions = TrainingOptions()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if not self.input_shape or min(self.input_shape) < 1:
            raise ConfigError(f"input_shape is {self.input_shape}, expected sizes of at least 1")
        if self.classes < 2:
            raise ConfigError(f"classes is {self.classes}, expected at least 2")


def names() -> tuple[str, ...]:
    """Return the names of the presets that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def preset(name: str | Path) -> Preset:
    """Return a preset by name, or that of a file whose name ends in `.toml`.

    Raises:
        ConfigError: there is none, or the file is not valid; says where and what is.
        ShapeError: the layers in the file do not fit together.
    """
    name = str(name)
    if not name.endswith(".toml"):
        if name not in names():
            advice = f"{nearest(name, names())}, or the path of a .toml file"
            raise ConfigError(hint(f"unknown model {name!r}", advice))
        source = (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")
        return _build(name, name, source, {})
    try:
        source = Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not a text in UTF-8: {error.reason}") from error
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror or error}"
        raise ConfigError(hint(message, f"check the path, or {nearest('', names())}")) from error
    return _build(Path(name).stem, name, source, {})


def _build(name: str, where: str, source: str, changes: dict[str, Any]) -> Preset:
    """Return the preset of a TOML text, some of it replaced; errors begin with `where`."""
    try:
        table = tomllib.loads(source) | changes
        number = table.get(_CLASSES)
        if type(number) is int and "layers" in table:
            table["layers"] = _with_classes(table["layers"], number)
        file = _File(**read_fields(_File, table, "", "the model", _objects()))
        layers = Sequential(file.layers)
        _check_outputs(layers, file)
    except tomllib.TOMLDecodeError as error:  # the text has line and column
        raise ConfigError(f"{where}: not valid TOML: {error}") from error
    except RecursionError:
        raise ConfigError(f"{where}: its tables are nested too deep") from None
    except XpcnnError as error:
        raise type(error)(f"{where}: {error}") from error
    return Preset(name, layers, file.input_shape, file.classes, file.loss, file.training, source)


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
    output = sizes(layers, file.input_shape).output
    valid = outputs_for(file.loss, file.classes)
    if len(output) != 1:
        message = f"the layers make {output} of a sample of {file.input_shape}, expected a row"
        raise ShapeError(hint(message, 'a Flatten and a Dense layer with units = "classes" last'))
    if output[0] not in valid:
        message = f"the layers make {output[0]} outputs for {file.classes} classes"
        raise ConfigError(hint(message, 'units = "classes" in the last Dense layer'))


def _objects() -> Objects:
    """Return what makes objects of the tables of a preset."""
    made: dict[Any, Any] = {
        **objects(),
        Optimizer: partial(_by_name, "optimizer", optimizers.BY_NAME),
        Schedule: partial(_by_name, "schedule", schedules.BY_NAME),
        augment.Augmentation: partial(_by_name, "augmentation", augment.BY_NAME),
    }
    made[TrainingOptions] = lambda table, at: TrainingOptions(
        **read_fields(TrainingOptions, table, at, at, made)
    )
    return made


def _by_name(
    kind: str, makers: Mapping[str, Callable[..., Any]], table: dict[str, Any], at: str
) -> Any:
    """Return what a table {name = ..., options} describes."""
    options = dict(table)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(hint(f"{at}: name is missing", f'name = "...", {nearest("", makers)}'))
    if name not in makers:
        raise ConfigError(hint(f"{at}: unknown {kind} {name!r}", nearest(name, makers)))
    maker = makers[name]
    fields: Any = maker.func if isinstance(maker, partial) else maker  # a dataclass
    values = read_fields(fields, options, at, f"{at} ({name})", {})
    try:
        return maker(**values)
    except XpcnnError as error:
        raise with_context(error, f"at {at} ({name})") from None
