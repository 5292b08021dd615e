"""A layer that computes what a module of PyTorch does, and how the two name what they keep."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy

from tests.conformance.case_results import Unsupported
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer, without_parameters
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class Counterpart:
    """`layer` and, by the module's names, the layer's: `{"running_mean": "mean", ...}`.

    `transposed` names the parameters that PyTorch keeps as (out, in). `batch_statistics` says that
    the module uses the statistics of the batch even outside training.
    """

    layer: Layer
    names: dict[str, str] = field(default_factory=dict)
    transposed: frozenset[str] = frozenset()
    batch_statistics: bool = False

    def in_our_names(self, tensors: Iterable[tuple[str, Any]]) -> dict[str, numpy.ndarray]:
        """Return copies of what the layer has too, under its names and in its layout."""
        return {
            self.names[name]: (t.T if name in self.transposed else t).detach().numpy().copy()
            for name, t in tensors
            if name in self.names
        }


@dataclass(frozen=True)
class Function:
    """An op, or a loss with its labels, in the form of a layer without parameters."""

    op: Callable[[Array], tuple[Array, Any]]
    out: Shape

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, self.out

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return without_parameters(*self.op(x))


def need_rank(x: numpy.ndarray, *ranks: int) -> None:
    if x.ndim not in ranks:
        raise Unsupported(f"{x.ndim}-D input")
