"""PyTorch eager as the peer of a benchmark, in both of its memory formats, or compiled.

`python -m tests.bench.peer MODEL BATCH MODE [compiled]` is its process, in its fastest form.
"""

import copy
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy
import torch

from tests.gpu.networks import without_dropout
from tests.gpu.twin import loss_of, twin
from xpcnn.benchmark import LR, MOMENTUM, Case, block, gradients, opened, serve
from xpcnn.model import Model

FORMS = ("contiguous_format", "channels_last")
COMPILED = "compiled"
LOSS_TOLERANCE, TOLERANCE = 1e-5, 1e-4
FIRST_STEP = """
import torch
from torch import nn
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
x, labels = torch.ones(64, 1, 28, 28), torch.arange(64) % 10
nn.functional.cross_entropy(model(x), labels).backward()
optimizer.step()
"""


class Theirs:
    """Training steps or forward passes of a model of ours, in PyTorch."""

    def __init__(
        self, model: Model, x: numpy.ndarray, labels: numpy.ndarray, mode: str, form: str
    ) -> None:
        memory: Any = getattr(torch, "contiguous_format" if form == COMPILED else form)
        params, buffers = model.host_arrays(model.params), model.host_arrays(model.buffers)
        module: Any = twin(model.layers, params, buffers)
        self.module = module.to(memory_format=memory)
        self.training = mode == "train"
        self.module.train(self.training)
        self.loss = loss_of(model.loss)
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=LR, momentum=MOMENTUM)
        self.x = torch.from_numpy(numpy.ascontiguousarray(x)).contiguous(memory_format=memory)
        self.labels = torch.from_numpy(labels)
        self.forward = torch.compile(self.module) if form == COMPILED else self.module

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()

    def step(self) -> None:
        if not self.training:
            with torch.inference_mode():
                self.forward(self.x)
            return
        self.optimizer.zero_grad(set_to_none=True)
        self.backward()
        self.optimizer.step()

    def backward(self) -> float:
        """Leave the gradients in the parameters; return the loss."""
        loss: Any = self.loss(self.forward(self.x), self.labels)
        loss.backward()
        return float(loss.detach())


class Peer:
    """What `xpcnn.benchmark` asks for."""

    module = "tests.bench.peer"
    first_step = FIRST_STEP

    def __init__(self, compiled: bool) -> None:
        self.arguments: tuple[str, ...] = (COMPILED,) if compiled else ()

    def verify(self, model: Model, x: numpy.ndarray, labels: numpy.ndarray) -> None:
        """Require our loss and gradients of a batch, dropout off, to be PyTorch's.

        The gradients in float64: in float32 rounding decides which of two all but equal elements
        wins a pooling window, and so where a gradient goes.

        Raises:
            AssertionError: which is not, and by how much.
        """
        for dtype in ("float32", "float64"):
            plain = plain_copy(model, dtype)
            theirs = Theirs(plain, x.astype(dtype), labels, "train", FORMS[0])
            loss, grads = gradients(plain, x, labels)
            expected = theirs.backward()
            far = abs(loss - expected) / abs(expected)
            assert far <= LOSS_TOLERANCE, f"loss {loss}, PyTorch's {expected}"
        for (path, g), p in zip(grads.items(), theirs.module.parameters(), strict=True):
            want = p.grad.numpy()
            want = want.T if path.endswith("weight") and want.ndim == 2 else want
            far = float(abs(g - want).max() / abs(want).max())
            assert far <= TOLERANCE, f"gradient of {path}: off by {far} of its largest"


def plain_copy(model: Model, dtype: str) -> Model:
    """Return the model in a dtype, with a dropout rate of 0: each side draws its own numbers."""
    plain = copy.copy(model)
    plain.dtype = dtype
    plain.layers = without_dropout(model.layers)
    return plain.to(model.backend)


def main() -> None:
    name, batch, mode, *further = sys.argv[1:]
    case = Case(name, int(batch), mode)
    parts = opened(case)
    times = {form: block(Theirs(*parts, mode, form), 12) for form in (*FORMS, *further)}
    best = min(times, key=lambda form: times[form])
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak of what follows
    serve(Theirs(*parts, mode, best), {"torch_form": best, "torch_forms_s": times})


if __name__ == "__main__":
    main()
