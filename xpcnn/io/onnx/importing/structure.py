"""The chain of a graph: what is between the samples and the output, in a row and side by side.

Every array has a dominator: the nearest array through which everything leads to it. Branches that
meet start at the dominator of what they meet in, so a chain is found backwards from the output. The
graph must be made of rows and branches, each node in one of them.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

from xpcnn.io.onnx.importing.parts import Chain, Meeting, Merge, Part
from xpcnn.io.onnx.importing.source import Refused
from xpcnn.types import Shape

DEEPEST = 50
"""How deep branches may lie in branches."""
_MOST_HOPS = 10_000_000
_LONGEST_PREFIX = 500


@dataclass(frozen=True)
class Step:
    """What a node makes: its inputs by name, and the parts or the meeting that it is.

    shape: of a sample of what it makes.
    """

    node: str
    inputs: tuple[str, ...]
    parts: Chain
    meeting: Meeting | None
    shape: Shape


class Structure:
    """The steps by the name of what they make, each after those of its inputs."""

    def __init__(self, start: str, shape: Shape) -> None:
        self.steps: dict[str, Step] = {}
        self._shapes = {start: shape}
        self._dominator = {start: start}
        self._depth = {start: 0}
        self._start = start
        self._used: set[str] = set()
        self._concats: dict[tuple[str, ...], str] = {}
        self._hops = 0

    def add(self, name: str, step: Step) -> None:
        """Add the step that makes an array."""
        if step.meeting == "concat":
            step = self._grouped(name, self._continued(name, step))
        above = step.inputs[0]
        for other in step.inputs[1:]:
            above = self._common(above, other)
        self.steps[name], self._shapes[name] = step, step.shape
        self._dominator[name], self._depth[name] = above, self._depth[above] + 1

    def chain(self, end: str) -> Chain:
        """Return the chain from the samples to an array.

        Raises:
            Refused: a node is part of several branches.
        """
        return self._chain(self._start, end, 0)

    def _chain(self, start: str, end: str, depth: int) -> Chain:
        if depth > DEEPEST:
            raise Refused(f"branches are nested more than {DEEPEST} deep")
        found: list[Part] = []
        while end != start:
            step = self.steps[end]
            if end in self._used:
                message = "what it makes is used in several branches that meet elsewhere"
                raise Refused(f"{step.node}: {message}")
            self._used.add(end)
            if step.meeting is None:
                found += reversed(step.parts)
                end = step.inputs[0]
            else:
                fork = self._dominator[end]
                branches = tuple(self._chain(fork, name, depth + 1) for name in step.inputs)
                shapes = tuple(self._shapes[name] for name in step.inputs)
                found.append(Merge(step.meeting, branches, shapes, step.node))
                end = fork
        return tuple(reversed(found))

    def _common(self, a: str, b: str) -> str:
        """Return the nearest array through which everything leads to both."""
        while a != b:
            if self._depth[a] < self._depth[b]:
                a, b = b, a
            a = self._dominator[a]
            self._hops += 1
            if self._hops > _MOST_HOPS:
                raise Refused("there are too many branches")
        return a

    def _continued(self, name: str, step: Step) -> Step:
        """Return [a, b, c] as [[a, b], c] if there is [a, b] already, as dense networks have it."""
        self._concats.setdefault(step.inputs, name)
        for count in range(min(len(step.inputs) - 1, _LONGEST_PREFIX), 1, -1):
            other = self._concats.get(step.inputs[:count])
            if other is not None:
                return replace(step, inputs=(other, *step.inputs[count:]))
        return step

    def _grouped(self, name: str, step: Step) -> Step:
        """Return [a, b, c] as [[a, b], c] if a and b part later than c, as Inception has it."""
        inputs = step.inputs
        if len(inputs) < 3:
            return step
        near = [self._common(a, b) for a, b in pairwise(inputs)]
        depth = [self._depth[fork] for fork in near]
        first = depth.index(max(depth))
        if depth[first] == min(depth):
            return step
        last = first + 1
        while last < len(near) and near[last] == near[first]:
            last += 1
        group = f"{name}, from {first}"
        members = inputs[first : last + 1]
        channels = sum(self._shapes[member][0] for member in members)
        self.add(group, replace(step, inputs=members, shape=(channels, *step.shape[1:])))
        return self._grouped(
            name, replace(step, inputs=(*inputs[:first], group, *inputs[last + 1 :]))
        )
