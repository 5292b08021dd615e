"""PyTorch on a CPU as the peer of a benchmark; itself it does without importing it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy

from xpcnn.model import Model

FORMATS = ("contiguous_format", "channels_last")
COMPILED = "compiled"

HERE = Path(__file__).parent


class Peer:
    """What `xpcnn.benchmark` asks for."""

    module = "tests.bench.pytorch"
    first_step = str(HERE / "first_step.py")
    train_digits = str(HERE / "train_digits.py")

    def __init__(self, compiled: bool) -> None:
        self.sides: Mapping[str, Sequence[str]] = {"torch": FORMATS}
        if compiled:
            self.sides = {**self.sides, COMPILED: (COMPILED,)}

    def verify(self, model: Model, x: numpy.ndarray, labels: numpy.ndarray) -> None:
        """Require our loss and gradients of a batch to be PyTorch's; see `pytorch.verify`."""
        from tests.bench import pytorch

        pytorch.verify(model, x, labels)
