"""The sides of a timing: training steps of ours, and of the same network in PyTorch.

All have the same weights and batches, kept on the device in float32; all step with SGD and momentum
and add up loss and hits on the device, as a training loop does. No TF32 on any. With a model of
float16, PyTorch's is automatic mixed precision.
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
from xpcnn.training.recipe import Recipe, may_record_step, random_source
from xpcnn.training.step import training_step
from xpcnn.types import flatten

LR, MOMENTUM = 1e-3, 0.9
MOST_STEPS = 1000
EAGER_STEPS = 4  # of PyTorch before a capture

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
            model.network.computing,
            model.loss,
            SGD(LR, momentum=MOMENTUM),
            parameter_groups(tuple(flatten(model.params))),
            random_source(model.network, 0),
            steps=model.backend.compile_step(may_record_step),
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

        from xpcnn.benchmark.pytorch.modules import loss_of, module_of

        if device != "cpu":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
            torch.backends.cudnn.benchmark = True
        self.torch: Any = torch
        self.device = torch.device(device)
        form = getattr(torch, memory_format)
        params, buffers = model.host_arrays(model.params), model.host_arrays(model.buffers)
        self.module = module_of(model.layers, params, buffers).to(self.device)
        self.module.to(memory_format=form)  # type: ignore[call-overload]  # not in PyTorch's stubs
        self.loss = loss_of(model.loss)
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=LR, momentum=MOMENTUM)
        self.is_half = model.network.compute_dtype == "float16"
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.is_half)
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
        self.train(*next(self.batches))

    def train(self, x: Any, labels: Any) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        with self.torch.autocast(self.device.type, self.torch.float16, enabled=self.is_half):
            scores = self.module(x)
            loss: Any = self.loss(scores, labels)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.sum += loss.detach() * x.shape[0]
        self.hits += (scores.detach().argmax(1) == labels).sum()

    def loss_sum(self) -> float:
        return float(self.sum)

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            self.torch.cuda.synchronize(self.device)


class Captured(Theirs):
    """The same steps as one CUDA graph, which the first step records after a few eager ones."""

    graph: Any = None

    def step(self) -> None:
        if self.graph is None:
            self.capture()
        for place, given in zip(self.places, next(self.batches), strict=True):
            place.copy_(given)
        self.graph.replay()

    def capture(self) -> None:
        cuda = self.torch.cuda
        self.places = [x.clone() for x in next(self.batches)]
        stream = cuda.Stream(self.device)
        stream.wait_stream(cuda.current_stream(self.device))
        with cuda.stream(stream):
            for _ in range(EAGER_STEPS):
                self.train(*self.places)
        cuda.current_stream(self.device).wait_stream(stream)
        self.graph = cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with cuda.graph(self.graph):
            self.train(*self.places)


def batches_of(found: Preset, size: int, count: int) -> list[Batch]:
    """Return normalised batches and their labels, on the host."""
    data = images(found.input_shape, found.classes, size * count)
    mean, std = (numpy.asarray(v, "float32")[:, None, None] for v in (data.mean, data.std))
    x = (data.images.astype("float32") - mean) / std
    cuts = [slice(i * size, (i + 1) * size) for i in range(count)]
    return [(numpy.ascontiguousarray(x[cut]), data.labels[cut].copy()) for cut in cuts]
