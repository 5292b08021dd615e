"""Training steps and forward passes of a network of ours, in PyTorch."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy
import torch

from xpcnn.benchmark.pytorch.forms import COMPILED
from xpcnn.benchmark.pytorch.modules import loss_of, module_of
from xpcnn.benchmark.sides import LR, MOMENTUM
from xpcnn.model import Model


class Theirs:
    """Steps on one batch, in a memory format of PyTorch or compiled."""

    def __init__(
        self, model: Model, x: numpy.ndarray, labels: numpy.ndarray, mode: str, form: str
    ) -> None:
        memory: Any = getattr(torch, "contiguous_format" if form == COMPILED else form)
        params, buffers = model.host_arrays(model.params), model.host_arrays(model.buffers)
        module: Any = module_of(model.layers, params, buffers)
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
