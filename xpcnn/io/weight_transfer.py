"""Loading the weights of a model file into another model, for fine-tuning."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from xpcnn.errors import CheckpointError, hint
from xpcnn.io.network_file import BUFFERS
from xpcnn.network import Network
from xpcnn.types import Shape, flatten, unflatten_like

Classes: TypeAlias = tuple[str, ...] | None

_MOST_LISTED = 12
_OTHER_CLASSES = "other classes"


@dataclass(frozen=True)
class LoadedWeights:
    """Which layers got the weights of a file; print it to read it.

    path: the file.
    taken: paths of the layers that have the weights of the file.
    new: paths of the other layers with weights, and the reason for each.
    unused: paths of the layers that only the file has.
    normalised: whether mean and standard deviation of the samples are those of the file.
    """

    path: str
    taken: tuple[str, ...]
    new: dict[str, str]
    unused: tuple[str, ...]
    normalised: bool

    def __str__(self) -> str:
        total = len(self.taken) + len(self.new)
        lines = [f"weights of {self.path}: {len(self.taken)} of {total} layers"]
        if self.new:
            lines.append(f"new weights: {_listed([f'{k} ({v})' for k, v in self.new.items()])}")
        if self.unused:
            lines.append(f"not used from the file: {_listed(self.unused)}")
        kept = "those of the file" if self.normalised else "taken from the new data"
        lines.append(f"mean and standard deviation of the samples: {kept}")
        return "\n".join(lines)


def take_weights(
    network: Network, source: Network, path: str, classes: Classes, source_classes: Classes
) -> LoadedWeights:
    """Give a network the weights of another one where layers have the same path and shapes.

    See `xpcnn.load_weights`.

    Args:
        path: the file of the source, for messages.
        classes, source_classes: class names of both, in order; None if not known.

    Raises:
        CheckpointError: no layer matches.
    """
    others = classes is not None and source_classes is not None and classes != source_classes
    head = _head(network) if others else []
    wanted, found = _by_layer(network), _by_layer(source)
    taken, new = [], {}
    for layer, tensors in wanted.items():
        if layer not in found:
            new[layer] = "not in the file"
        elif found[layer] != tensors:
            new[layer] = _difference(tensors, found[layer])
        elif layer in head:
            new[layer] = _OTHER_CLASSES
        else:
            taken.append(layer)
    if not taken and _OTHER_CLASSES in new.values():
        message = f"{path}: only the last layer fits the model, and its classes are others"
        raise CheckpointError(hint(message, "a model of the same classes, or new weights"))
    if not taken:
        message = f"{path}: no layer has the path and the shapes of one of the model"
        raise CheckpointError(hint(message, "the file of a model with layers in common"))
    arrays = {
        name: network.backend.from_host(source.backend.to_host(x).astype(network.dtype))
        for name, x in _arrays(source).items()
        if _layer(name) in taken
    }
    present = _arrays(network)
    network.params = unflatten_like(network.params, present | arrays)
    network.buffers = unflatten_like(network.buffers, present | arrays, BUFFERS)
    normalised = source.mean is not None and network.input_shape[0] == source.input_shape[0]
    if normalised:
        network.mean, network.std = source.mean, source.std
    unused = tuple(layer for layer in found if layer not in wanted)
    return LoadedWeights(path, tuple(taken), new, unused, normalised)


def _arrays(network: Network) -> dict[str, Any]:
    return flatten(network.params) | flatten(network.buffers, BUFFERS)


def _head(network: Network) -> list[str]:
    """Return the layers that make scores of classes: the last one with a matrix, and any after."""
    shapes = {name: x.shape for name, x in flatten(network.params).items()}
    layers = list(dict.fromkeys(map(_layer, shapes)))
    matrices = [_layer(name) for name, shape in shapes.items() if len(shape) > 1]
    return layers[layers.index(matrices[-1]) :] if matrices else layers[-1:]


def _layer(name: str) -> str:
    """Return the path of the layer that has a tensor."""
    return name.removeprefix(BUFFERS).rpartition(".")[0]


def _by_layer(network: Network) -> dict[str, dict[str, Shape]]:
    """Return the shapes of the tensors of every layer that has any."""
    found: dict[str, dict[str, Shape]] = {}
    for name, x in _arrays(network).items():
        kind = "running " if name.startswith(BUFFERS) else ""
        tensor = kind + name.rpartition(".")[2]
        found.setdefault(_layer(name), {})[tensor] = tuple(x.shape)
    return found


def _difference(wanted: dict[str, Shape], found: dict[str, Shape]) -> str:
    """Return in words the first tensor of a layer that is another in the file."""
    for name in [*wanted, *found]:
        if wanted.get(name) != found.get(name):
            here, there = (t.get(name, "none") for t in (wanted, found))
            return f"{name} is {here}, in the file {there}"
    return ""


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f", and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
