"""The form between an ONNX graph and layers: chains of parts.

A part is a layer with its arrays (`Leaf`), branches that meet (`Merge`), or another kind. Others
have no layer of their own: `rewriting` merges them into their neighbours. `node` is the name of the
node that a part comes from, for errors.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy

from xpcnn.layers import Layer
from xpcnn.ops.reference.windows import Sides
from xpcnn.types import Params, Shape

Host: TypeAlias = numpy.ndarray


@dataclass(frozen=True, eq=False)
class Leaf:
    """A layer, its parameters and buffers."""

    layer: Layer
    params: Params = field(default_factory=dict)
    buffers: Params = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Affine:
    """y[c] = scale[c] * x[c] + shift[c]; both (c,)."""

    scale: Host
    shift: Host

    def after(self, first: "Affine") -> "Affine":
        """Return this after another one, as one."""
        return Affine(self.scale * first.scale, self.scale * first.shift + self.shift)

    def is_near(self, scale: float, shift: float) -> bool:
        """Whether it is y = scale * x + shift, up to the rounding of float32."""
        close = numpy.allclose(self.scale, scale, rtol=1e-6, atol=0)
        return close and numpy.allclose(self.shift, shift, rtol=1e-6, atol=1e-7)

    @property
    def factor(self) -> float | None:
        """The number by which it multiplies every channel, if it does nothing else."""
        alike = (self.scale == self.scale[0]).all() and not self.shift.any()
        return float(self.scale[0]) if alike else None


@dataclass(frozen=True, eq=False)
class Padded:
    """A value around images of some channels; least: whether no element of them is below it."""

    channels: int
    around: Sides
    value: float
    node: str
    least: bool = False


@dataclass(frozen=True, eq=False)
class Erf:
    """The error function, elementwise; a part of GELU."""

    node: str


@dataclass(frozen=True, eq=False)
class Reordered:
    """y[j] = x[index[j]] of rows (c,)."""

    index: Host
    node: str


@dataclass(frozen=True, eq=False)
class Shaped:
    """Another shape of the sample, from `before` to `after`, in the same order."""

    before: Shape
    after: Shape


Meeting: TypeAlias = Literal["add", "multiply", "concat"]


@dataclass(frozen=True, eq=False)
class Merge:
    """Branches that start at one array and meet; shapes: of a sample of what each makes."""

    kind: Meeting
    branches: tuple["Chain", ...]
    shapes: tuple[Shape, ...]
    node: str


Part: TypeAlias = Leaf | Affine | Padded | Erf | Reordered | Shaped | Merge
Chain: TypeAlias = tuple[Part, ...]
"""Parts one after another; empty for what leaves x as it is."""
