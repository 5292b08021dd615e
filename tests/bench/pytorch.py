"""A network of ours in PyTorch eager, in both of its memory formats, or compiled.

`python -m tests.bench.pytorch` is the process of its sides, with the threads that ours has.
"""

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy
import torch

from tests.bench.peer import COMPILED, FORMATS
from tests.gpu.networks import without_dropout
from tests.gpu.twin import loss_of, twin
from xpcnn import backend
from xpcnn.benchmark import LR, MOMENTUM, Case, NotBuilt, gradients, opened, serve
from xpcnn.model import Model

LOSS_TOLERANCE, TOLERANCE = 1e-5, 1e-4


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


def verify(model: Model, x: numpy.ndarray, labels: numpy.ndarray) -> None:
    """Require our loss and gradients of a batch, dropout off, to be PyTorch's.

    The gradients in float64: in float32 rounding decides which of two all but equal elements
    wins a pooling window, and so where a gradient goes.

    Raises:
        AssertionError: which is not, and by how much.
    """
    for dtype in ("float32", "float64"):
        plain = plain_copy(model, dtype)
        theirs = Theirs(plain, x.astype(dtype), labels, "train", FORMATS[0])
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


def side(name: str, batch: int, mode: str, form: str) -> Theirs:
    """Return PyTorch's side of a case in one form."""
    parts = opened(Case(name, batch, mode))
    if form != COMPILED:
        return Theirs(*parts, mode, form)
    torch.compiler.reset()  # after eight networks in a process it would no longer compile
    theirs = Theirs(*parts, mode, form)
    try:
        theirs.step()
    except Exception as error:  # whatever the compiler, or that of C++, has to say
        raise NotBuilt(str(error).strip().partition("\n")[0]) from error
    return theirs


if __name__ == "__main__":
    threads = backend.load("numpy").describe()["threads"]
    if threads.isdecimal():
        torch.set_num_threads(int(threads))
    serve(side)
