"""Shapes, parameters, multiply-adds and memory of a network, layer by layer."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from xpcnn.layers import Layer, Sequential
from xpcnn.sizes import sizes_of
from xpcnn.text_table import Table
from xpcnn.types import Shape


@dataclass(frozen=True)
class Row:
    """One layer: its path and type, shapes of one sample, counts for one sample."""

    path: str
    type: str
    input_shape: Shape
    output_shape: Shape
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Summary:
    """The layers of a network and their cost.

    rows: one for each layer, in order.
    parameters, multiply_adds: sums over the layers, for one sample.
    parameter_bytes: memory of parameters, gradients and one optimizer array of each.
    activation_bytes: memory of the outputs of all layers for a batch of `batch_size` samples. A
        training step keeps all of them for the backward pass, or from half of them on where layers
        are fused.
    """

    rows: tuple[Row, ...]
    parameters: int
    multiply_adds: int
    batch_size: int
    parameter_bytes: int
    activation_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self._table()}\n{self._memory()}"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the table, and the memory in words."""
        return f"{self._table().html()}\n<p>{self._memory()}</p>"

    def _table(self) -> Table:
        """Return a table with a row for each layer, and one for all of them."""
        header = ("layer", "type", "output shape", "parameters", "multiply-adds")
        rows = [
            (
                row.path,
                row.type,
                " x ".join(map(str, row.output_shape)),
                f"{row.parameters:,}",
                f"{row.multiply_adds:,}",
            )
            for row in self.rows
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        return Table("layers of the network", header, [*rows, total], "<<<>>")

    def _memory(self) -> str:
        return (
            f"memory for training with batches of {self.batch_size}, about:\n"
            f"  {_size(self.parameter_bytes)} of parameters, gradients and momentum,\n"
            f"  {_size(self.activation_bytes)} of activations"
        )


def _size(count: int) -> str:
    """Return a number of bytes as a text: "0.4 KiB", "12.0 MiB"."""
    power = 1 + (count >= 2**20) + (count >= 2**30)
    return f"{count / 2 ** (10 * power):.1f} {'KMG'[power - 1]}iB"


def summarize(
    layers: Layer, input_shape: Shape, batch_size: int = 64, itemsize: int = 4
) -> Summary:
    """Return shapes and costs of a network, without running it."""
    rows = tuple(_rows(layers, input_shape, ""))
    parameters = sum(row.parameters for row in rows)
    outputs = sum(math.prod(row.output_shape) for row in rows)
    return Summary(
        rows,
        parameters,
        sum(row.multiply_adds for row in rows),
        batch_size,
        3 * parameters * itemsize,
        (outputs + math.prod(input_shape)) * batch_size * itemsize,
    )


def _rows(layer: Layer, shape: Shape, path: str) -> Iterator[Row]:
    children = getattr(layer, "children", None)  # of a container
    if children is not None:
        for name, child in children():
            yield from _rows(child, shape, f"{path}.{name}" if path else name)
            if isinstance(layer, Sequential):
                shape = sizes_of(child, shape).output
        return
    params, _, out = sizes_of(layer, shape)
    count = sum(math.prod(parameter) for parameter in params.values())
    cost = getattr(layer, "multiply_adds", None)
    yield Row(path, type(layer).__name__, shape, out, count, cost(shape, out) if cost else 0)
