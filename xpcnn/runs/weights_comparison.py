"""Whether two runs ended with the same weights, to the last bit."""

from dataclasses import dataclass
from pathlib import Path

import numpy

from xpcnn.io import network_file


@dataclass(frozen=True)
class WeightsDiff:
    """How the weights in two model files differ; print it to read it.

    compared: number of the arrays, parameters and running statistics, that both have in one shape.
    differing: number of those that are not equal.
    path, by, of: of those, the array that differs most relative to its largest value: its path,
        the largest difference of two elements, and the largest absolute value in the first file;
        None if all are equal.
    alone: number of the arrays that one file alone has, or has in another shape.
    """

    compared: int
    differing: int
    path: str | None
    by: float | None
    of: float | None
    alone: int

    def __str__(self) -> str:
        if self.path is None:
            text = f"all {self.compared} arrays are equal"
        else:
            text = f"{self.differing} of {self.compared} arrays differ, most of all "
            text += f"{self.path}: by up to {self.by:.2g}, its largest value is {self.of:.2g}"
        if self.alone:
            text = f"{text if self.compared else 'no array in both'}; {self.alone} in one run only"
        return text


def compare_weights(first: Path, second: Path) -> WeightsDiff | None:
    """Return how the weights in two model files differ; None if one of the files does not exist.

    Raises:
        CheckpointError: a file cannot be read.
    """
    if not (first.is_file() and second.is_file()):
        return None
    one, other = (network_file.read(path)[1] for path in (first, second))
    both = [path for path, x in one.items() if path in other and other[path].shape == x.shape]
    found = {}
    for path in both:
        x, y = (side[path].astype(numpy.float64) for side in (one, other))
        if not numpy.array_equal(x, y):
            found[path] = float(abs(x - y).max()), float(abs(x).max())
    alone = len(one.keys() | other.keys()) - len(both)
    if not found:
        return WeightsDiff(len(both), 0, None, None, None, alone)
    path, (by, of) = max(found.items(), key=lambda item: item[1][0] / max(item[1]))
    return WeightsDiff(len(both), len(found), path.removeprefix("buffers."), by, of, alone)
