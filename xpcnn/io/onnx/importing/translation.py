"""The nodes of an ONNX file as a chain of parts: constants are folded, every node is looked at."""

from collections.abc import Iterable

import numpy

from xpcnn.errors import CheckpointError, XpcnnError, hint
from xpcnn.io.onnx.importing import folding
from xpcnn.io.onnx.importing.calls import CHANNELS_LAST, Call, Value
from xpcnn.io.onnx.importing.normalised import with_layer_norms
from xpcnn.io.onnx.importing.operators import OPERATORS
from xpcnn.io.onnx.importing.parts import Chain, Host
from xpcnn.io.onnx.importing.source import Node, Refused, Source
from xpcnn.io.onnx.importing.structure import Step, Structure
from xpcnn.types import Shape

ANY_BATCH = 65_521
"""The number of samples assumed in shapes that are computed ahead: a prime that is unlikely as any
other size."""

_MOST_BEFORE = 10
_MOST_USES = 16  # of each constant of a file, in others that are computed of it
_MOST_NAMED = 5
_MOST_PROBLEMS = 20
_ADVICE = "a network of operators that `examples/guides/exchange.md` lists"


class Translation:
    """What the nodes of a file make, one after another; `problems` are those that cannot be layers.

    problems: names of nodes by (operator, reason).
    """

    def __init__(self, source: Source, shape: Shape, batch: int | None, start: str) -> None:
        self.source, self.batch, self.start = source, batch or ANY_BATCH, start
        self.nodes = tuple(with_layer_norms(source.nodes, start))
        channels_last = _is_channels_last(source.nodes, start)
        self.input_shape = (shape[-1], *shape[:-1]) if channels_last else shape
        value = Value(self.input_shape, CHANNELS_LAST) if channels_last else Value.of(shape)
        self.values: dict[str, Value | Host | None] = {**source.constants, start: value}
        given = sum(x.size for x in source.constants.values())
        self.left = folding.MOST + _MOST_USES * given  # elements that may be computed ahead
        self.structure = Structure(start, self.input_shape)
        self.problems: dict[tuple[str, str], list[str]] = {}

    def chain(self, output: str) -> tuple[Chain, Shape]:
        """Return the chain from the samples to an output, and the shape of a sample of it.

        Raises:
            CheckpointError: nodes cannot be layers; names all of them.
        """
        for node in _needed(self.nodes, output):
            self._take(node)
        if self.problems:
            raise self._error()
        value = self.values.get(output)
        try:
            if not isinstance(value, Value):
                raise Refused(f"{output}: the output does not depend on the samples")
            if not value.is_same:
                raise Refused(f"{output}: the output has its channels last")
            return self.structure.chain(output), value.shape
        except Refused as error:
            raise self.refused(error) from error

    def refused(self, error: Refused) -> CheckpointError:
        """Return a problem, whose text begins with the name of a node, as the error to raise."""
        name, _, reason = str(error).rpartition(": ")
        operators = [node.operator for node in self.nodes if node.name == name]
        self.problems[operators[0] if operators else "output", reason] = [name]
        return self._error()

    def _error(self) -> CheckpointError:
        lines = [
            f"{operator} ({_listed(names)}): {reason}"
            for (operator, reason), names in list(self.problems.items())[:_MOST_PROBLEMS]
        ]
        if len(self.problems) > _MOST_PROBLEMS:
            lines.append(f"and {len(self.problems) - _MOST_PROBLEMS} more")
        message = f"{self.source.path}: these nodes cannot become layers: {'; '.join(lines)}"
        return CheckpointError(hint(message[:5000], _ADVICE))

    def _take(self, node: Node) -> None:
        """Take one node: fold it, or make a step of it; note what is wrong with it otherwise."""
        names = [name for name in node.inputs if name]
        problem: str | None
        if unread := [name for name in names if name in self.source.unread]:
            problem = f"its input {unread[0]!r} is of a type of numbers that no layer takes"
        elif lacking := [name for name in names if name not in self.values]:
            problem = f"its input {lacking[0]!r} is made by no node before it"
        elif any(self.values[name] is None for name in names):
            problem = ""  # it depends on a node that is named already
        else:
            problem = self._made(node)
        if problem is not None:
            known = node.operator in OPERATORS or node.operator in folding.OPERATORS
            problem = problem if known else "there is no such layer"
            if problem:
                names = self.problems.setdefault((node.operator, problem[:300]), [])
                names.append(node.name)
            self.values |= dict.fromkeys(filter(None, node.outputs))

    def _made(self, node: Node) -> str | None:
        """Make a node, or return in words why it cannot be a layer."""
        try:
            self._make(node)
        except Refused as error:
            return str(error)
        except XpcnnError as error:
            return str(error).partition("\n")[0]
        return None

    def _make(self, node: Node) -> None:
        if not node.outputs:
            raise Refused("it has no output")
        inputs = [self.values[name] if name else None for name in node.inputs]
        if not any(isinstance(x, Value) for x in inputs):
            constant = folding.folded(node, inputs)  # type: ignore[arg-type]  # no Value is among them
            self.values[node.outputs[0]] = constant
            self.left -= constant.size
            if self.left < 0:
                raise Refused("the constants that are computed ahead are too many or too large")
            return
        if node.operator == "Shape":
            assert isinstance(inputs[0], Value)
            self.values[node.outputs[0]] = numpy.array(inputs[0].file_shape(self.batch))
            return
        if node.operator not in OPERATORS:
            raise Refused("there is no such layer")
        call = Call(node, inputs, self.batch, self.source.opset)
        result = OPERATORS[node.operator](call)
        self.values[node.outputs[0]] = result.value
        used = [name for name, x in zip(node.inputs, inputs, strict=True) if isinstance(x, Value)]
        if result.meeting is None and len(used) > 1:
            raise Refused(f"{len(used)} of its inputs depend on the samples, expected one")
        step = Step(node.name, tuple(used), result.parts, result.meeting, result.value.shape)
        self.structure.add(node.outputs[0], step)


def _needed(nodes: tuple[Node, ...], output: str) -> Iterable[Node]:
    """Return the nodes on which an output depends, in order."""
    wanted, found = {output}, []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            found.append(node)
    return reversed(found)


def _is_channels_last(nodes: tuple[Node, ...], start: str) -> bool:
    """Whether the samples are turned from channels last to channels first, by the first Transpose
    behind nodes that work on single elements.
    """
    name = start
    for _ in range(_MOST_BEFORE):
        users = [node for node in nodes if name in node.inputs]
        if len(users) != 1 or not users[0].outputs:
            return False
        if users[0].operator == "Transpose":
            return users[0].attributes.get("perm") == (0, 3, 1, 2)
        if users[0].operator not in ("Add", "Sub", "Mul", "Div", "Identity", "Cast", "Neg"):
            return False
        name = users[0].outputs[0]
    return False


def _listed(names: list[str]) -> str:
    shown = [name[:80] for name in names[:_MOST_NAMED]]
    more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(shown) + more
