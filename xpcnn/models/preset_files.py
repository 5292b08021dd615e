"""Reading presets; the package says what a file holds. All of it is checked when it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from xpcnn.data.files import as_path
from xpcnn.errors import ConfigError, ShapeError, hint, nearest, prefix_errors
from xpcnn.io import toml
from xpcnn.io.values import read_fields
from xpcnn.layers import Layer, Sequential
from xpcnn.losses import Loss, SoftmaxCrossEntropy, outputs_for
from xpcnn.models.tables import objects
from xpcnn.options import find
from xpcnn.sizes import sizes_of
from xpcnn.training import TrainingOptions
from xpcnn.types import Shape

_FOLDER = Path(__file__).parent
_CLASSES = "classes"


@dataclass(frozen=True)
class Preset:
    """A network and how to train it: `model.fit(data, preset.training)`.

    name: of the preset; of a file, the name in it or else that of the file.
    layers, loss: of the network.
    input_shape: of one sample.
    classes: number of classes.
    training: options of the training.
    source: text of the file.
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
        return toml.parse(self.source)

    def for_data(self, shape: Shape, classes: int) -> "Preset":
        """Return the preset for samples of another shape and another number of classes.

        Raises:
            ShapeError: the network cannot take such samples.
            ConfigError: the number of outputs is written as a number, and is another.
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

    def __post_init__(self) -> None:
        if not self.input_shape or min(self.input_shape) < 1:
            message = f"input_shape is {self.input_shape}, expected sizes of at least 1"
            raise ConfigError(hint(message, "input_shape = [1, 28, 28]"))
        if self.classes < 2:
            message = f"classes is {self.classes}, expected at least 2"
            raise ConfigError(hint(message, "classes = 10"))


def names() -> tuple[str, ...]:
    """Return the names of the presets that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def preset(name: str | Path) -> Preset:
    """Return a preset by name, whatever its case, or that of a file whose name ends in `.toml`.

    Raises:
        ConfigError: there is none, or the file is not valid; says where and what is.
        ShapeError: the layers in the file do not fit together.
    """
    path = as_path(name, "the name of a model")
    name = str(name)
    if not name.endswith(".toml"):
        known = find(name, names())
        if known is None:
            advice = f"{nearest(name, names())}, or the path of a .toml file"
            raise ConfigError(hint(f"unknown model {name!r}", advice))
        name, path = known, _FOLDER / f"{known}.toml"
    source = toml.read(path, f"check the path, or {nearest('', names())}")
    with prefix_errors(name):
        table = toml.parse(source)
    return build(path.stem, table, source, name)


def build(name: str, table: Mapping[str, Any], source: str, where: str = "") -> Preset:
    """Return the preset of a table with the form of a file; errors begin with `where`."""
    with prefix_errors(where):
        try:
            number = table.get(_CLASSES)
            if type(number) is int and "layers" in table:
                table = {**table, "layers": _with_classes(table["layers"], number)}
            file = _File(**read_fields(_File, table, "", "the model", objects()))
            layers = Sequential(file.layers)
            _check_outputs(layers, file)
        except RecursionError:
            raise ConfigError(
                hint("its tables are nested too deep", "one list of layers")
            ) from None
    name = file.name or name
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
    output = sizes_of(layers, file.input_shape).output
    valid = outputs_for(file.loss, file.classes)
    if len(output) != 1:
        message = f"the layers make {output} of a sample of {file.input_shape}, expected a row"
        raise ShapeError(hint(message, 'a Flatten and a Dense layer with units = "classes" last'))
    if output[0] not in valid:
        message = f"the layers make {output[0]} outputs for {file.classes} classes"
        raise ConfigError(hint(message, 'units = "classes" in the last Dense layer'))
