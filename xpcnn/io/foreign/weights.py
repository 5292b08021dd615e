"""Weights of PyTorch's networks in and out: a safetensors file with the names of torchvision.

Values are the same to the bit; matrices of dense layers are transposed. Names may have one prefix,
such as `module.` or `model.`, as trainers put before them. Files that are read are not trusted:
names, shapes and types are checked before any tensor is read. Pickles are not read.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy

from xpcnn.data.files import as_path, shown
from xpcnn.errors import CheckpointError, ConfigError, hint, reason_of
from xpcnn.io.atomic import write_bytes
from xpcnn.io.foreign.names import IMAGENET, NETWORKS, NORMALISATION, Kind, Names
from xpcnn.io.network_file import BUFFERS
from xpcnn.io.pickles import is_pickle, refuse_pickle
from xpcnn.io.tensor_file import KEY, Spec, check_tensors
from xpcnn.layers import BatchNorm, Conv2D, Dense, Layer
from xpcnn.network import Network
from xpcnn.sizes import sizes_of
from xpcnn.types import Shape, flatten, unflatten_like

_KINDS: Mapping[type, Kind] = {Conv2D: "conv", BatchNorm: "norm", Dense: "dense"}
_LEAVES = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}
"""From the names of arrays in xpcnn to those in PyTorch, where they differ."""
_TYPES = {"F32": "float32", "F64": "float64"}
_COUNTER = "num_batches_tracked"
"""A tensor of PyTorch's batch norm that counts batches, and that nothing depends on."""


def is_foreign(path: str | Path) -> bool:
    """Whether a file holds weights that xpcnn has not written: a pickle, or other safetensors."""
    path = Path(path)
    if not os.path.isfile(path):
        return False
    return is_pickle(path) or (path.suffix == ".safetensors" and not _is_own(path))


def classes_in(path: str | Path, name: str) -> int:
    """Return the number of outputs that the last layer has in a file.

    name: name of the network, a key of `NETWORKS`.

    Raises:
        CheckpointError: the file cannot be read, or has no such layer.
    """
    specs = _specs(as_path(path))
    last = _prefix(specs, NETWORKS[name]) + NETWORKS[name][-1][0]
    if f"{last}.weight" not in specs:
        message = f"{path} has no {last}.weight, which {name} ends with"
        raise CheckpointError(hint(message, _advice(specs)))
    shape = specs[f"{last}.weight"].shape
    if len(shape) < 2 or 0 in shape:
        message = f"{path}: {last}.weight has shape {shape}, expected (classes, inputs)"
        raise CheckpointError(hint(message, _advice(specs)))
    return shape[0]


def network_name(layers: Layer, input_shape: Shape) -> str:
    """Return the name of a network in torchvision or timm, by the kinds of its layers.

    Raises:
        ConfigError: it is none of those whose names are known.
    """
    kinds = [kind for _, kind in _kinds(layers, sizes_of(layers, input_shape).params)]
    for name, names in NETWORKS.items():
        if kinds == [kind for _, kind in names]:
            return name
    message = "the network is none of those whose names in PyTorch are known"
    raise ConfigError(hint(message, f"one of {', '.join(NETWORKS)}; or export to .onnx"))


def read_weights(network: Network, path: str | Path) -> str:
    """Give a network the weights of a file, and its normalisation; return the network's name.

    Raises:
        CheckpointError: the file cannot be read, or tensors do not fit; names them at once.
        ConfigError: the network is none of those whose names are known.
    """
    path = as_path(path)
    name = network_name(network.layers, network.input_shape)
    found = _specs(path)
    own = _own_names(network, NETWORKS[name], _prefix(found, NETWORKS[name]))
    arrays = flatten(network.params) | flatten(network.buffers, BUFFERS)
    wanted = {there: _turned(tuple(arrays[here].shape)) for here, there in own.items()}
    types = {there: found[there].dtype if there in found else "float32" for there in wanted}
    expected = {there: Spec(shape, types[there]) for there, shape in wanted.items()}
    try:
        check_tensors(str(path), expected, found)
    except CheckpointError as error:
        message = reason_of(error)
        raise CheckpointError(hint(message, _advice(found))) from error
    tensors = _tensors(path, found)
    new = {here: _transposed(tensors[there]) for here, there in own.items()}
    if bad := [own[here] for here, x in new.items() if not numpy.isfinite(x).all()]:
        message = f"{path}: {', '.join(bad[:5])} hold NaN or infinity"
        raise CheckpointError(hint(message, "get the file again, or an earlier copy"))
    device = {here: network.backend.from_host(x.astype(network.dtype)) for here, x in new.items()}
    network.params = unflatten_like(network.params, device)
    network.buffers = unflatten_like(network.buffers, device, BUFFERS)
    if network.input_shape[0] == 3:
        network.mean, network.std = NORMALISATION.get(name, IMAGENET)
    return name


def write_weights(network: Network, path: str | Path) -> None:
    """Write the weights of a network to a file that PyTorch's network of the same name reads.

    Raises:
        ConfigError: the network is none of those whose names are known.
        CheckpointError: the file cannot be written.
    """
    from safetensors.numpy import save

    names = NETWORKS[network_name(network.layers, network.input_shape)]
    arrays = flatten(network.params) | flatten(network.buffers, BUFFERS)
    host = network.backend.to_host
    tensors = {
        there: numpy.asarray(_transposed(host(arrays[here])), order="C")
        for here, there in _own_names(network, names).items()
    }
    counters = {f"{at}.{_COUNTER}": numpy.array(0) for at, kind in names if kind == "norm"}
    write_bytes(as_path(path), save(tensors | counters, {"format": "pt"}))


def _own_names(network: Network, names: Names, prefix: str = "") -> dict[str, str]:
    """Return the names of the arrays in a file of PyTorch, by their paths in the network."""
    paths = [*flatten(network.params), *flatten(network.buffers, BUFFERS)]
    ours = _kinds(network.layers, flatten(network.params))
    at = {path: there for (path, _), (there, _) in zip(ours, names, strict=True)}
    found = {}
    for path in paths:
        layer, _, leaf = path.removeprefix(BUFFERS).rpartition(".")
        found[path] = f"{prefix}{at[layer]}.{_LEAVES.get(leaf, leaf)}"
    return found


def _kinds(layers: Layer, params: Iterable[str]) -> list[tuple[str, Kind | None]]:
    """Return path and kind of every layer that has one of the parameters, in order."""
    with_parameters = {path.rpartition(".")[0] for path in params}
    found: list[tuple[str, Kind | None]] = []

    def walk(layer: Layer, path: str) -> None:
        if hasattr(layer, "children"):
            for name, child in layer.children():
                walk(child, f"{path}.{name}" if path else name)
        elif path in with_parameters:
            found.append((path, _KINDS.get(type(layer))))

    walk(layers, "")
    return found


def _turned(shape: Shape) -> Shape:
    """Return the shape that an array has in a file of PyTorch: that of a matrix is reversed."""
    return shape[::-1] if len(shape) == 2 else shape


def _transposed(x: numpy.ndarray) -> numpy.ndarray:
    return x.T if x.ndim == 2 else x


def _advice(found: Mapping[str, Spec]) -> str:
    """Return what to try: the network whose names a file has, if there is one."""
    if any(spec.dtype in ("F16", "BF16") for spec in found.values()):
        return "weights of float32: {name: x.float() for name, x in network.state_dict().items()}"
    if (network := _network_in(found)) is not None:
        return f"the network that the file is of: {network}"
    return f"a file of one of {', '.join(NETWORKS)}"


def _network_in(found: Collection[str]) -> str | None:
    """Return the largest network whose layers are all among the names of tensors, or None."""
    inside = [network for network, names in NETWORKS.items() if _prefixes(found, names)]
    return max(inside, key=lambda network: len(NETWORKS[network]), default=None)


def _prefix(found: Collection[str], names: Names) -> str:
    """Return what a file has before the names of a network; nothing where it lacks some."""
    return min(_prefixes(found, names), key=len, default="")


def _prefixes(found: Collection[str], names: Names) -> list[str]:
    """Return what stands before all names of the layers of a network in a file: "", "module."."""
    weights = [f"{at}.weight" for at, _ in names]
    starts = {name.removesuffix(weights[0]) for name in found if name.endswith(weights[0])}
    return [start for start in starts if all(start + name in found for name in weights)]


def _specs(path: Path) -> dict[str, Spec]:
    """Return what the tensors of a file look like, without counters."""
    from safetensors import SafetensorError, safe_open

    refuse_pickle(path)
    if _is_own(path):
        message = f"{path} is a model of xpcnn, not weights of PyTorch"
        raise CheckpointError(hint(message, "xpcnn.load(path)"))
    try:
        with safe_open(path, framework="numpy") as file:
            parts = {name: file.get_slice(name) for name in sorted(file.keys())}
            return {
                name: Spec(tuple(part.get_shape()), _TYPES.get(part.get_dtype(), part.get_dtype()))
                for name, part in parts.items()
                if not name.endswith(_COUNTER)
            }
    except (SafetensorError, OSError) as error:
        message = f"{shown(path)} is not a complete safetensors file: {error}"
        raise CheckpointError(hint(message, "get the file again")) from error


def _tensors(path: Path, found: Mapping[str, Spec]) -> dict[str, numpy.ndarray]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in found}


def _is_own(path: Path) -> bool:
    """Whether xpcnn wrote a safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return KEY in (file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return False
