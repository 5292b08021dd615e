"""The two sides of `op_sides` and of `augment_sides`: how they are opened, and when they agree."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy

from xpcnn import backend
from xpcnn.benchmark.sides import Side


class Checked(Side, Protocol):
    """A side whose results can be compared with the other's."""

    def results(self) -> Sequence[numpy.ndarray]: ...


def opener(
    ours: Callable[[str, int], Side], theirs: Callable[[str, int, str], Side]
) -> Callable[[str, int, str], Side]:
    """Return a function that opens a side of a case for `xpcnn.benchmark.process.serve`."""

    def side(name: str, batch: int, form: str) -> Side:
        """form: "xpcnn", or one of PyTorch's."""
        if form == "xpcnn":
            return ours(name, batch)
        import torch

        torch.set_num_threads(int(backend.load("numpy").describe()["threads"]))
        return theirs(name, batch, form)

    return side


def require_agreement(what: str, ours: Checked, theirs: Checked, tolerance: float) -> None:
    """Require that both sides compute the same.

    tolerance: relative to the largest number of a result.
    """
    for i, (y, expected) in enumerate(zip(ours.results(), theirs.results(), strict=True)):
        far = abs(y - expected).max() / abs(expected).max()
        assert far <= tolerance, f"{what}: result {i} is off by {far} of its largest"
