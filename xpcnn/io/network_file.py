"""Writing and reading a model file: a network and the facts of its model, as `Model.save` does.

The JSON is a `Description`: layers, input shape, loss, dtype, seed, class names, normalisation, how
the samples were read, the task if it is not classification, provenance (`xpcnn.provenance`). There
is no optimizer state: checkpoints have that.
Tensors are named by their path: parameters as they are (`layers.0.weight`), buffers after
`buffers.` (`buffers.layers.1.mean`). The layers decide exactly which tensors, in which shapes, the
file must hold; any other file is rejected before a tensor is read.

A file from a stranger is safe to open: it holds no code, and can name only classes of
`config.registry`. `tensor_file` checks the whole structure before it reads a tensor. Its
checksum finds damage; it does not prove who wrote the file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

from xpcnn.backend import Backend
from xpcnn.config.registry import objects
from xpcnn.config.tables import own_layers, to_config
from xpcnn.config.values import Objects, read_fields
from xpcnn.data.reading import Reading
from xpcnn.errors import CheckpointError, ConfigError, DataWarning, counted, hint, warn_user
from xpcnn.io import reading_table, task_table, tensor_file
from xpcnn.io.metadata import metadata_errors
from xpcnn.io.tensor_file import Metadata, Spec
from xpcnn.layers import Layer
from xpcnn.layers.base import check_importable
from xpcnn.losses import Loss, check_weights
from xpcnn.model_arguments import as_classes, dtype_of_arrays
from xpcnn.network import Network
from xpcnn.sizes import sizes_of
from xpcnn.tasks import Classification, Task
from xpcnn.types import Shape, flatten, unflatten_like

BUFFERS = "buffers."
"""Prefix of the names of buffers in a file."""

_OTHERS = (".onnx", ".pt", ".pth", ".pkl", ".pickle", ".h5", ".keras", ".npz")
"""Endings of other formats."""


@dataclass(frozen=True)
class Description:
    """The metadata of a model file: all of a Model but its arrays and its backend."""

    layers: Layer
    input_shape: Shape
    loss: Loss
    dtype: Literal["float32", "float64", "float16", "bfloat16"]
    seed: int
    classes: tuple[str, ...] | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    reading: Reading | None
    provenance: dict[str, Any]
    task: Task = Classification()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if not self.input_shape or min(self.input_shape) < 1:
            message = f"input_shape is {self.input_shape}, expected sizes of at least 1"
            raise ConfigError(hint(message, "an entry such as [1, 28, 28]"))
        if (self.mean is None) != (self.std is None):
            raise ConfigError(hint("mean and std must be given together", "both, or neither"))
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != self.input_shape[0]:
                channels = counted(self.input_shape[0], "channel")
                message = f"{name} has {counted(len(values), 'number')}, the images {channels}"
                raise ConfigError(hint(message, "one number for each channel"))
        if self.std is not None and min(self.std) <= 0:
            message = "std has a number that is not above 0"
            raise ConfigError(hint(message, "1.0 for a channel that is constant"))
        if self.reading is not None and self.reading.shape != self.input_shape:
            message = f"reading is for {self.reading.shape}, input_shape is {self.input_shape}"
            raise ConfigError(hint(message, "the same shape in both"))


class Facts(NamedTuple):
    """What a model file holds beside the network."""

    seed: int
    classes: tuple[str, ...] | None
    reading: Reading | None
    provenance: dict[str, Any]


def write(path: str | Path, network: Network, facts: Facts) -> None:
    """Write a network and the facts of its model to one file, readable on any backend.

    Warns (`errors.DataWarning`) of a name that means another format, such as `model.onnx`.

    Raises:
        ConfigError: the network has a part that a file cannot describe.
        CheckpointError: the file cannot be written; an existing file is unchanged.
    """
    tensor_file.write(path, *_contents(network, facts))
    if (ending := Path(path).suffix.lower()) in _OTHERS:
        message = f"{path} is written as a safetensors file, whatever its name"
        advice = "xpcnn.export_onnx(model, path)" if ending == ".onnx" else "model.safetensors"
        warn_user(hint(message, advice), DataWarning)


def pickled(network: Network, facts: Facts) -> tuple[bytes, tuple[type, ...]]:
    """Return what pickle stores of a model: the content of its file, and the user's layer classes,
    which pickle stores by import path. No other code.

    Raises:
        ConfigError: the network has a part that a file cannot describe, or a layer class that
            cannot be imported.
    """
    content = tensor_file.packed("the model", *_contents(network, facts))
    own = own_layers(network.layers)
    for kind in own:
        check_importable(kind, f"the layer class {kind.__name__}")
    return content, own


def unpickled(content: bytes, layers: Iterable[type]) -> tuple[Description, tensor_file.Tensors]:
    """Return what the content of a model file in a pickle describes, and its arrays.

    Raises:
        CheckpointError: the content is damaged.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pickled.safetensors"
        path.write_bytes(content)
        return read(path, layers)


def _contents(network: Network, facts: Facts) -> tuple[tensor_file.Tensors, Metadata]:
    """Return tensors and metadata of the file of a model."""
    metadata = {
        "layers": to_config(network.layers),
        "input_shape": network.input_shape,
        "loss": to_config(network.loss),
        "dtype": network.compute_dtype,
        "seed": facts.seed,
        "classes": facts.classes,
        "mean": network.mean,
        "std": network.std,
        "reading": reading_table.to_table(facts.reading),
        "provenance": facts.provenance,
        **task_table.entry(network.task),
    }
    arrays = flatten(network.params) | flatten(network.buffers, BUFFERS)
    tensors = {name: network.backend.to_host(x) for name, x in arrays.items()}
    return tensors, metadata


def read(path: str | Path, layers: Iterable[type] = ()) -> tuple[Description, tensor_file.Tensors]:
    """Return the description in a model file, and its arrays, which match the description.

    Args:
        layers: layer classes of the user's own (dataclasses) that the file may name.

    Raises:
        CheckpointError: the file cannot be read, or contradicts its own description.
    """
    made = objects(layers)
    tensors, metadata = tensor_file.read(path, lambda m: _expected(path, _describe(path, m, made)))
    return _describe(path, metadata, made), tensors


def built(
    found: Description,
    tensors: tensor_file.Tensors,
    backend: str | Backend,
    device: str | int | None,
) -> tuple[Network, Facts]:
    """Return the network that a file describes, with its arrays, and the facts of its model.

    Raises:
        ConfigError, ShapeError: layers, loss and classes do not fit together.
        BackendError: the backend cannot be used here.
    """
    classes = None
    if found.classes is not None:
        classes = as_classes(found.classes, found.task.least)
    network = Network(
        found.layers,
        input_shape=found.input_shape,
        backend=backend,
        device=device,
        seed=found.seed,
        loss=found.loss,
        dtype=found.dtype,
        task=found.task,
        saved=True,
    )
    arrays = {name: network.backend.from_host(x) for name, x in tensors.items()}
    network.params = unflatten_like(network.params, arrays)
    network.buffers = unflatten_like(network.buffers, arrays, BUFFERS)
    network.mean, network.std = found.mean, found.std
    return network, Facts(found.seed, classes, found.reading, found.provenance)


def _describe(path: str | Path, metadata: Metadata, made: Objects) -> Description:
    """Return the checked metadata; paths of layers in errors are those of their parameters."""
    top = {
        **made,
        **reading_table.OBJECTS,
        **task_table.OBJECTS,
        Layer: lambda table, at: made[Layer](table, ""),
    }
    with metadata_errors(path):
        if "image_rule" in metadata:  # of an older version
            metadata = {**metadata, "reading": None}
            rule = metadata.pop("image_rule")
            description = Description(**read_fields(Description, metadata, "", "model", top))
            reading = reading_table.of_image_rule(rule, description.input_shape)
            return replace(description, reading=reading)
        return Description(**read_fields(Description, metadata, "", "model", top))


def _expected(path: str | Path, description: Description) -> Mapping[str, Spec]:
    """Return shape and dtype of each tensor that a file with this description must hold."""
    with metadata_errors(path):
        params, buffers, output = sizes_of(description.layers, description.input_shape)
        check_weights(description.loss, output[0])
    if len(output) != 1:
        message = f"{path}: its layers make {output} of a sample, expected one row"
        raise CheckpointError(hint(message, "a Flatten and a Dense layer at their end"))
    named = params | {BUFFERS + name: shape for name, shape in buffers.items()}
    return {name: Spec(shape, dtype_of_arrays(description.dtype)) for name, shape in named.items()}
