"""PyTorch on a CPU, the other side of the benchmark: what to run, without importing it.

The one place of the package that knows PyTorch by name, and only to compare with it.
"""

from pathlib import Path

import numpy

from xpcnn.benchmark.pytorch.forms import COMPILED, FORMATS
from xpcnn.benchmark.sides import Peer
from xpcnn.model import Model

_HERE = Path(__file__).parent


def pytorch_peer(compiled: bool = False) -> Peer:
    """Return PyTorch eager, in the faster of its memory formats, as a peer.

    compiled: beside it, as a side of its own, the network as `torch.compile` makes it.
    """
    return Peer(
        module="xpcnn.benchmark.pytorch",
        sides={"torch": FORMATS} | ({COMPILED: (COMPILED,)} if compiled else {}),
        first_step=_HERE / "first_step.py",
        train_digits=_HERE / "train_digits.py",
        layers="xpcnn.benchmark.pytorch.layers",
        verify=_verify,
    )


def _verify(model: Model, x: numpy.ndarray, labels: numpy.ndarray, images: int) -> None:
    from xpcnn.benchmark.pytorch.verification import verify  # imports PyTorch, which takes seconds

    verify(model, x, labels, images)
