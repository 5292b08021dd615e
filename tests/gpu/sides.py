"""The two sides of a timing: training steps of ours, and of the same network in PyTorch eager.

Both have the same weights and batches, kept on the device in float32; both step with SGD and
momentum and add up loss and hits on the device, as a training loop does. No TF32 on either.
"""

from contextlib import AbstractContextManager, nullcontext
from itertools import cycle
from typing import Any, Protocol

import numpy

from tests.gpu.networks import images
from xpcnn.model import Model
from xpcnn.models import Preset
from xpcnn.optimizers import SGD
from xpcnn.optimizers.groups import parameter_groups
from xpcnn.training.progress import beginning
from xpcnn.training.recipe import Recipe, random_source
from xpcnn.training.step import training_step
from xpcnn.types import flatten

LR, MOMENTUM = 1e-3, 0.9
MOST_STEPS = 1000

Batch = tuple[numpy.ndarray, numpy.ndarray]


class Side(Protocol):
    """Something that trains, step by step."""

    def session(self) -> AbstractContextManager[None]: ...
    def step(self) -> None: ...
    def loss_sum(self) -> float: ...
    def synchronize(self) -> None: ...


class Ours:
    """Steps of a model of ours, on its backend."""

    def __init__(self, model: Model, batches: list[Batch]) -> None:
        self.model = model
        place = model.backend.from_host
        self.recipe = Recipe(
            model.layers,
            model.loss,
            SGD(LR, momentum=MOMENTUM),
            parameter_groups(tuple(flatten(model.params))),
            random_source(model.network, 0),
        )
        self.progress = beginning(self.recipe, model.network)
        self.batches = cycle([(place(x), place(labels)) for x, labels in batches])
        self.rates = place(numpy.full(MOST_STEPS, LR, "float32"))
        self.numbers = place(numpy.arange(1, MOST_STEPS + 1, dtype="float32"))
        self.done = 0

    def session(self) -> AbstractContextManager[None]:
        return self.model.backend.session()

    def step(self) -> None:
        self.progress = training_step(
            self.recipe,
            self.progress,
            [next(self.batches)],
            self.done + 1,
            self.rates[self.done, ...],
            self.numbers[self.done, ...],
        )
        self.done += 1

    def loss_sum(self) -> float:
        return float(self.progress.loss_sum)

    def synchronize(self) -> None:
        self.model.backend.synchronize()


class Theirs:
    """Steps of the same network in PyTorch eager, in one of its memory formats."""

    def __init__(self, model: Model, batches: list[Batch], device: str, memory_format: str) -> None:
        import torch

        from xpcnn.benchmark.pytorch.twin import loss_of, twin_of

        if device != "cpu":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
            torch.backends.cudnn.benchmark = True
        self.torch: Any = torch
        self.device = torch.device(device)
        form = getattr(torch, memory_format)
        params, buffers = model.host_arrays(model.params), model.host_arrays(model.buffers)
        self.module = twin_of(model.layers, params, buffers).to(self.device)
        self.module.to(memory_format=form)  # type: ignore[call-overload]  # not in PyTorch's stubs
        self.loss = loss_of(model.loss)
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=LR, momentum=MOMENTUM)
        self.batches = cycle(
            [
                (
                    torch.from_numpy(x).to(self.device).to(memory_format=form),
                    torch.from_numpy(labels).to(self.device),
                )
                for x, labels in batches
            ]
        )
        self.sum = torch.zeros((), device=self.device)
        self.hits = torch.zeros((), dtype=torch.int64, device=self.device)

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()

    def step(self) -> None:
        x, labels = next(self.batches)
        self.optimizer.zero_grad(set_to_none=True)
        scores = self.module(x)
        loss: Any = self.loss(scores, labels)
        loss.backward()
        self.optimizer.step()
        self.sum = self.sum + loss.detach() * x.shape[0]
        self.hits = self.hits + (scores.detach().argmax(1) == labels).sum()

    def loss_sum(self) -> float:
        return float(self.sum)

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            self.torch.cuda.synchronize(self.device)


def batches_of(found: Preset, size: int, count: int) -> list[Batch]:
    """Return normalised batches and their labels, on the host."""
    data = images(found.input_shape, found.classes, size * count)
    mean, std = (numpy.asarray(v, "float32")[:, None, None] for v in (data.mean, data.std))
    x = (data.images.astype("float32") - mean) / std
    cuts = [slice(i * size, (i + 1) * size) for i in range(count)]
    return [(numpy.ascontiguousarray(x[cut]), data.labels[cut].copy()) for cut in cuts]
