"""A graph of ONNX operators while it is written, and what the writer of a layer is given."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy
from onnx import NodeProto, TensorProto, helper, numpy_helper

from xpcnn.types import Array, Params, Shape


class Builder:
    """Nodes and constants; their names begin with the path of their layer."""

    def __init__(self) -> None:
        self.path = ""
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._counts: dict[str, int] = {}

    def constant(self, name: str, value: Array | float | Sequence[float]) -> str:
        """Add a constant, float32 unless it is an array of whole numbers; return its name."""
        x = numpy.asarray(value)
        kind = numpy.int64 if x.dtype.kind == "i" else numpy.float32
        name = self._name(name)
        self.constants.append(numpy_helper.from_array(numpy.asarray(x, kind, order="C"), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; return the name of the output."""
        return self.output(self._name(operator), operator, *inputs, **attributes)

    def output(self, name: str, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node whose output has a name that the caller chooses, and return it."""
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def _name(self, name: str) -> str:
        """Return a name within the layer that no other has."""
        name = f"{self.path}.{name}" if self.path else name
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return name if count == 1 else f"{name}.{count}"


class Own(NamedTuple):
    """What a layer has: its parameters and buffers on the host, and the shape of its input."""

    params: Params
    buffers: Params
    shape: Shape


Writer = Callable[[Builder, Any, Own, str], str]
"""(graph, layer, what it has, name of its input) -> name of its output."""


def parameters(graph: Builder, own: Own, *names: str) -> list[str]:
    """Add those of the named parameters that a layer has as constants; return their names."""
    return [graph.constant(name, own.params[name]) for name in names if name in own.params]
