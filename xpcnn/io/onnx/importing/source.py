"""An ONNX file as it is: nodes in order, constants, inputs and outputs, all checked.

The file is not trusted. Its size, the number of its nodes, the sizes of its tensors and the place
of external data are checked before any of them is used, and so is that every name is defined before
it is used.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from xpcnn.data.files import as_path, open_regular
from xpcnn.errors import CheckpointError, counted, hint
from xpcnn.types import Shape

LARGEST = 2**31 - 1
"""Bytes of a file, the most that a protocol buffer holds, and of all external data."""
MOST_NODES = 100_000
_AGAIN = "get the file again: it may be cut off or damaged"

_DTYPES: Mapping[int, tuple[str, str]] = {
    TensorProto.FLOAT: ("<f4", "float_data"),
    TensorProto.DOUBLE: ("<f8", "double_data"),
    TensorProto.FLOAT16: ("<f2", ""),
    TensorProto.INT64: ("<i8", "int64_data"),
    TensorProto.INT32: ("<i4", "int32_data"),
    TensorProto.BOOL: ("?", "int32_data"),
}
"""By ONNX's number of a type: NumPy's, and the field that may hold values in place of bytes."""


class Refused(Exception):
    """A node that cannot become a layer; `str(error)` says why, in words."""


@dataclass(frozen=True)
class Node:
    """An operator, the names of its inputs ("" for one left out) and outputs, its attributes."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def whole(self, name: str, default: int) -> int:
        """Return an attribute that is a whole number."""
        return int(self._of_type(name, default, int))

    def number(self, name: str, default: float) -> float:
        """Return an attribute that is a number."""
        value = float(self._of_type(name, default, float))
        if not math.isfinite(value):
            raise Refused(f"{name} is {value}")
        return value

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is a text."""
        return bytes(self._of_type(name, default.encode(), bytes)).decode(errors="replace")

    def wholes(self, name: str, default: Shape | None, count: int | None = None) -> Shape:
        """Return an attribute that is a list of whole numbers, `count` of them if given."""
        value = self.attributes.get(name, default)
        if value is None:
            raise Refused(f"{name} is missing")
        if not isinstance(value, tuple) or not all(isinstance(n, int) for n in value):
            raise Refused(f"{name} is not a list of whole numbers")
        if count is not None and len(value) != count:
            raise Refused(f"{name} has {counted(len(value), 'number')}, images have {count}")
        return value

    def _of_type(self, name: str, default: Any, kind: type) -> Any:
        value = self.attributes.get(name, default)
        if type(value) is not kind:
            raise Refused(f"{name} is a {type(value).__name__}, expected a {kind.__name__}")
        return value


@dataclass(frozen=True)
class Source:
    """What a file holds.

    unread: names of constants of types that no layer takes, such as whole numbers of 8 bits.
    inputs: name and sizes of each, None for a size that is left open; constants are not among them.
    metadata: texts by key.
    opset: version of the standard operators.
    producer: the program that wrote the file.
    """

    path: Path
    nodes: tuple[Node, ...]
    constants: dict[str, numpy.ndarray]
    unread: frozenset[str]
    inputs: dict[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]
    metadata: dict[str, str]
    opset: int
    producer: str


def read_source(path: str | Path) -> Source:
    """Return what an ONNX file holds.

    Raises:
        CheckpointError: it cannot be read, is too large, or is not what ONNX says it should be.
    """
    path = as_path(path)
    content = _content(path)
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        message = f"{path} is not a complete ONNX file: {error}"
        raise CheckpointError(hint(message, _AGAIN)) from error
    graph = model.graph
    if not graph.node or not graph.output:
        message = f"{path} is no ONNX file of a network: it has no nodes, or no output"
        raise CheckpointError(hint(message, _AGAIN))
    if len(graph.node) > MOST_NODES:
        message = f"{path} has {len(graph.node):,} nodes, more than {MOST_NODES:,}"
        raise CheckpointError(hint(message, "a smaller network"))
    _check_external(path, graph)
    tensors = {tensor.name: _array(path, tensor) for tensor in graph.initializer}
    constants = {name: x for name, x in tensors.items() if x is not None}
    inputs = {value.name: _sizes(value) for value in graph.input if value.name not in tensors}
    nodes = tuple(_node(path, i, node) for i, node in enumerate(graph.node))
    _check_names(path, nodes, {*inputs, *tensors}, [value.name for value in graph.output])
    opsets = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    return Source(
        path,
        nodes,
        constants,
        frozenset(tensors.keys() - constants.keys()),
        inputs,
        tuple(value.name for value in graph.output),
        {entry.key: entry.value for entry in model.metadata_props},
        max(opsets, default=1),
        model.producer_name,
    )


def _content(path: Path) -> bytes:
    with open_regular(path, CheckpointError) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST:
            message = f"{path} has {size:,} bytes, more than {LARGEST:,}"
            raise CheckpointError(hint(message, "external data for the tensors, or a smaller file"))
        return file.read()


def _node(path: Path, number: int, node: NodeProto) -> Node:
    operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
    attributes = {entry.name: _attribute(path, entry) for entry in node.attribute}
    name = node.name or (node.output[0] if node.output else "") or f"node {number}"
    return Node(name, operator, tuple(node.input), tuple(node.output), attributes)


def _attribute(path: Path, entry: AttributeProto) -> Any:
    """Return an attribute as plain values; of another kind, such as a graph, None."""
    match entry.type:
        case AttributeProto.FLOAT:
            return float(str(numpy.float32(entry.f)))  # 0.1, not 0.10000000149011612
        case AttributeProto.INT:
            return int(entry.i)
        case AttributeProto.STRING:
            return bytes(entry.s)
        case AttributeProto.FLOATS:
            return tuple(map(float, entry.floats))
        case AttributeProto.INTS:
            return tuple(map(int, entry.ints))
        case AttributeProto.TENSOR:
            return _array(path, entry.t)
    return None


def _array(path: Path, tensor: TensorProto) -> numpy.ndarray | None:
    """Return a tensor; None where its type is not read."""
    if tensor.data_type not in _DTYPES:
        return None
    code, field = _DTYPES[tensor.data_type]
    dtype = numpy.dtype(code)
    where = f"{path}: the tensor {tensor.name!r}"
    shape = tuple(tensor.dims)
    count = math.prod(shape)
    if any(size < 0 for size in shape) or count * dtype.itemsize > LARGEST:
        message = f"{where} has shape {shape[:8]}, which no tensor in a file can have"
        raise CheckpointError(hint(message, _AGAIN))
    if tensor.data_location == TensorProto.EXTERNAL:
        raw = _external(path, tensor, count * dtype.itemsize)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
    else:
        values = getattr(tensor, field) if field else ()
        if len(values) != count:
            raise CheckpointError(hint(f"{where}: {len(values)} values for {shape}", _AGAIN))
        return numpy.array(values).astype(dtype).reshape(shape)
    if len(raw) != count * dtype.itemsize:
        raise CheckpointError(hint(f"{where}: {len(raw):,} bytes for {shape} {dtype}", _AGAIN))
    return numpy.frombuffer(raw, dtype).reshape(shape)


def _check_external(path: Path, graph: GraphProto) -> None:
    """Require that external data are not too large in all; tensors may lie at one place."""
    own = [entry.t for node in graph.node for entry in node.attribute if entry.HasField("t")]
    total = sum(
        math.prod(max(0, size) for size in tensor.dims) * numpy.dtype(_DTYPES[kind][0]).itemsize
        for tensor in (*graph.initializer, *own)
        if tensor.data_location == TensorProto.EXTERNAL and (kind := tensor.data_type) in _DTYPES
    )
    if total > LARGEST:
        message = f"{path} has {total:,} bytes of external data, more than {LARGEST:,}"
        raise CheckpointError(hint(message, "a smaller network"))


def _external(path: Path, tensor: TensorProto, size: int) -> bytes:
    """Return the bytes of a tensor from a file beside the ONNX file, and from nowhere else."""
    where = f"{path}: the tensor {tensor.name!r}"
    table = {entry.key: entry.value for entry in tensor.external_data}
    folder = path.resolve().parent
    try:
        offset = int(table.get("offset", 0))
        length = int(table.get("length", size))
        place = (folder / table["location"]).resolve()
    except (KeyError, ValueError, OSError, RuntimeError) as error:
        message = f"{where} has no place for its data: {error}"
        raise CheckpointError(hint(message, _AGAIN)) from error
    if folder not in place.parents:
        message = f"{where} has its data outside of the folder of the file"
        raise CheckpointError(hint(message, "do not open this file unless you trust its source"))
    with open_regular(place, CheckpointError) as file:
        there = os.fstat(file.fileno()).st_size
        if offset < 0 or length != size or offset + size > there:
            message = f"{where}: bytes {offset:,} to {offset + length:,} of {there:,} for {size:,}"
            raise CheckpointError(hint(message, _AGAIN))
        file.seek(offset)
        return file.read(size)


def _sizes(value: ValueInfoProto) -> tuple[int | None, ...]:
    """Return the sizes of an input; None for one that is a name, or no size at all."""
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.dim_value > 0 else None for size in sizes)


def _check_names(path: Path, nodes: tuple[Node, ...], made: set[str], outputs: list[str]) -> None:
    """Require that every name is defined once, and that the outputs are defined."""
    for node in nodes:
        if again := made.intersection(node.outputs) - {""}:
            message = f"{path}: {min(again)!r} is made twice, the second time by {node.name}"
            raise CheckpointError(hint(message, _AGAIN))
        made.update(node.outputs)
    if unmade := [name for name in outputs if name not in made]:
        message = f"{path}: no node makes the output {unmade[0]!r}"
        raise CheckpointError(hint(message, _AGAIN))
