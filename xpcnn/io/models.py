"""A Model to a file and back. What the file must hold follows from the network it describes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from xpcnn.backend import Backend
from xpcnn.data.reading import Reading
from xpcnn.errors import (
    BackendError,
    CheckpointError,
    ConfigError,
    DTypeError,
    ShapeError,
    hint,
    with_context,
)
from xpcnn.io import model_file, readings
from xpcnn.io.model_file import Metadata, Spec
from xpcnn.io.registry import objects, own_layers, to_config
from xpcnn.io.values import Objects, read_fields
from xpcnn.layers import Layer
from xpcnn.layers.base import check_importable
from xpcnn.losses import Loss, check_weights
from xpcnn.model import Model
from xpcnn.sizes import sizes
from xpcnn.types import Shape, flatten, unflatten_like

BUFFERS = "buffers."
"""What the names of buffers begin with in a file."""


@dataclass(frozen=True)
class Description:
    """The metadata of a model file: all of a Model but its arrays and its backend."""

    layers: Layer
    input_shape: Shape
    loss: Loss
    dtype: Literal["float32", "float64"]
    seed: int
    classes: tuple[str, ...] | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    reading: Reading | None
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        if not self.input_shape or min(self.input_shape) < 1:
            message = f"input_shape is {self.input_shape}, expected sizes of at least 1"
            raise ConfigError(hint(message, "an entry such as [1, 28, 28]"))
        if (self.mean is None) != (self.std is None):
            raise ConfigError(hint("mean and std must be given together", "both, or neither"))
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != self.input_shape[0]:
                channels = self.input_shape[0]
                message = f"{name} has {len(values)} numbers, the images {channels} channels"
                raise ConfigError(hint(message, "one number for each channel"))
        if self.std is not None and min(self.std) <= 0:
            message = "std has a number that is not above 0"
            raise ConfigError(hint(message, "1.0 for a channel that is constant"))
        if self.reading is not None and self.reading.shape != self.input_shape:
            message = f"reading is for {self.reading.shape}, input_shape is {self.input_shape}"
            raise ConfigError(hint(message, "the same shape in both"))


def save_model(model: Model, path: str | Path) -> None:
    """Write a model to one file, readable on any backend.

    Raises:
        ConfigError: the network holds something that a file cannot describe.
        CheckpointError: the file cannot be written; one that was there before is untouched.
    """
    model_file.write(path, *_contents(model))


def pickled_model(model: Model) -> tuple[Any, ...]:
    """Return what pickle keeps of a model: the content of its file, the import paths of layer
    classes of the user's own, and the name and device of its backend. No other code.

    Raises:
        ConfigError: the network holds something that a file cannot describe, or a layer class that
            cannot be imported.
    """
    content = model_file.packed("the model", *_contents(model))
    own = own_layers(model.layers)
    for kind in own:
        check_importable(kind, f"the layer class {kind.__name__}")
    return unpickled_model, (content, own, model.backend.name, model.backend.opened_with)


def unpickled_model(
    content: bytes, layers: tuple[type, ...], backend: str, device: str | int | None
) -> Model:
    """Return the model that `pickled_model` described, on the same backend.

    Raises:
        CheckpointError: the content is damaged.
        BackendError: the backend cannot be used here.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pickled.safetensors"
        path.write_bytes(content)
        try:
            return load_model(path, layers=layers, backend=backend, device=device)
        except BackendError as error:
            message = f"the pickled model was on backend {backend!r}"
            raise with_context(error, message) from None


def _contents(model: Model) -> tuple[model_file.Tensors, Metadata]:
    """Return tensors and metadata of the file of a model."""
    metadata = {
        "layers": to_config(model.layers),
        "input_shape": model.input_shape,
        "loss": to_config(model.loss),
        "dtype": model.dtype,
        "seed": model.seed,
        "classes": model.classes,
        "mean": model.mean,
        "std": model.std,
        "reading": readings.to_table(model.reading),
        "provenance": model.provenance,
    }
    arrays = flatten(model.params) | flatten(model.buffers, BUFFERS)
    tensors = {name: model.backend.to_host(x) for name, x in arrays.items()}
    return tensors, metadata


def load_model(
    path: str | Path,
    *,
    layers: Iterable[type] = (),
    backend: str | Backend = "numpy",
    device: str | int | None = None,
) -> Model:
    """Return the model that a file holds, on any backend, whichever wrote it.

    Args:
        layers: layer classes of your own (dataclasses) that the file may name.

    Raises:
        CheckpointError: the file cannot be read, or is not what its own description says.
        BackendError: the backend cannot be used here.
    """
    made = objects(layers)
    tensors, metadata = model_file.read(path, lambda m: _expected(path, _describe(path, m, made)))
    description = _describe(path, metadata, made)
    model = Model(
        description.layers,
        input_shape=description.input_shape,
        backend=backend,
        device=device,
        seed=description.seed,
        loss=description.loss,
        classes=description.classes,
        dtype=description.dtype,
    )
    arrays = {name: model.backend.from_host(x) for name, x in tensors.items()}
    model.params = unflatten_like(model.params, arrays)
    model.buffers = unflatten_like(model.buffers, arrays, BUFFERS)
    model.mean, model.std = description.mean, description.std
    model.reading = description.reading
    model.provenance = description.provenance
    return model


def _describe(path: str | Path, metadata: Metadata, made: Objects) -> Description:
    """Return the checked metadata; paths of layers in errors are those of their parameters."""
    top = {**made, **readings.OBJECTS, Layer: lambda table, at: made[Layer](table, "")}
    try:
        if "image_rule" in metadata:  # of an older version
            metadata = {**metadata, "reading": None}
            rule = metadata.pop("image_rule")
            description = Description(**read_fields(Description, metadata, "", "model", top))
            reading = readings.of_image_rule(rule, description.input_shape)
            return replace(description, reading=reading)
        return Description(**read_fields(Description, metadata, "", "model", top))
    except RecursionError:
        message = f"{path}: its layers are nested too deep"
        raise CheckpointError(hint(message, "one Sequential of all layers")) from None
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _expected(path: str | Path, description: Description) -> Mapping[str, Spec]:
    """Return the tensors that the file of such a model holds."""
    try:
        params, buffers, output = sizes(description.layers, description.input_shape)
        check_weights(description.loss, output[0])
    except (ConfigError, DTypeError, ShapeError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    if len(output) != 1:
        message = f"{path}: its layers make {output} of a sample, expected one row"
        raise CheckpointError(hint(message, "a Flatten and a Dense layer at their end"))
    named = params | {BUFFERS + name: shape for name, shape in buffers.items()}
    return {name: Spec(shape, description.dtype) for name, shape in named.items()}
