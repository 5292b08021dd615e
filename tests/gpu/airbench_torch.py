"""`examples/cifar10_airbench.py` in PyTorch: the same network, weights, data and numbers.

Its own are the order of the images, the mirror images and the crops. Everything is on the device.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from xpcnn.benchmark.pytorch.modules import module_of
from xpcnn.data import Dataset
from xpcnn.model import Model
from xpcnn.optimizers import SGD
from xpcnn.training import TrainingOptions


class Airbench:
    """A training of the network of a model, from its weights, as its options say."""

    def __init__(self, model: Model, training: TrainingOptions, device: str) -> None:
        self.training, self.device = training, torch.device(device)
        if self.device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
            torch.backends.cudnn.benchmark = True
        self.is_half = model.network.compute_dtype == "float16"
        params, buffers = model.host_arrays(model.params), model.host_arrays(model.buffers)
        self.module = module_of(model.layers, params, buffers).to(self.device)
        self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.loss = nn.CrossEntropyLoss(label_smoothing=model.loss.label_smoothing)  # type: ignore[attr-defined]
        self.optimizer = self.sgd()
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.is_half)
        learning = [p for p in self.module.parameters() if p.requires_grad]
        self.pairs = [(p, p.detach().clone()) for p in learning]
        """Each parameter with its moving average."""

    def sgd(self) -> torch.optim.SGD:
        """Return the optimizer, with a group for each factor of the learning rate."""
        rule, factors = self.training.optimizer, list(self.training.layer_lr.values())
        assert isinstance(rule, SGD)
        weights, biases, last = list[Any](), list[Any](), list[Any]()
        for module in self.module.modules():
            match module:
                case nn.Conv2d(bias=None):
                    weights.append(module.weight)
                case nn.Conv2d():  # the first, of which only the bias learns
                    module.weight.requires_grad_(False)
                    weights.append(module.bias)
                case nn.BatchNorm2d():
                    module.weight.requires_grad_(False)
                    biases.append(module.bias)
                case nn.Linear():
                    last.append(module.weight)
        groups = [
            {"params": [p], "factor": factor, "weight_decay": rule.weight_decay * (p.ndim > 1)}
            for params, factor in ((weights, 1.0), (biases, factors[0]), (last, factors[1]))
            for p in params
        ]
        return torch.optim.SGD(groups, lr=rule.lr, momentum=rule.momentum, nesterov=rule.nesterov)

    def fit(self, data: Dataset) -> None:
        """Train all epochs, and take the averages for the weights."""
        x, labels = self.normalised(data, data), torch.from_numpy(data.labels).to(self.device)
        size, n = self.training.batch_size, len(data)
        per_epoch = -(-n // size)
        schedule, rate = self.training.whole_schedule(), self.training.optimizer.lr
        mirrored = torch.rand(n, device=self.device) < 0.5
        self.module.train()
        step = 0
        for _ in range(self.training.epochs):
            for rows in torch.split(torch.randperm(n, device=self.device), size):
                for group in self.optimizer.param_groups:
                    lr = rate * schedule(step, per_epoch * self.training.epochs)
                    group["lr"] = lr * group["factor"]
                step += 1
                self.update(cropped(x[rows], mirrored[rows]), labels[rows], step)
            mirrored = ~mirrored
        with torch.no_grad():
            for p, average in self.pairs:
                p.copy_(average)

    def update(self, x: torch.Tensor, labels: torch.Tensor, step: int) -> None:
        """Update once, then the averages, with the decay of ours."""
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.float16, enabled=self.is_half):
            loss = self.loss(self.module(x), labels)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        assert self.training.ema is not None
        share = 1.0 - min(self.training.ema, (1.0 + step) / (10.0 + step))
        params, averages = ([pair[i].data for pair in self.pairs] for i in (0, 1))
        torch._foreach_lerp_(averages, params, share)

    def accuracy(self, data: Dataset, test: Dataset) -> float:
        """Return the share of the test images that the mean over six views classifies correctly."""
        x, labels = self.normalised(test, data), torch.from_numpy(test.labels).to(self.device)
        self.module.eval()
        right = 0
        with torch.no_grad(), torch.autocast(self.device.type, torch.float16, enabled=self.is_half):
            for images, wanted in zip(torch.split(x, 2000), torch.split(labels, 2000), strict=True):
                p: Any = sum(
                    weight * self.module(view).float().softmax(1) for weight, view in views(images)
                )
                right += int((p.argmax(1) == wanted).sum())
        return right / len(test)

    def normalised(self, data: Dataset, by: Dataset) -> torch.Tensor:
        """Return images on the device, normalised by the numbers of a data set."""
        dtype = next(self.module.parameters()).dtype
        mean, std = (
            torch.tensor(v, dtype=dtype, device=self.device)[:, None, None]
            for v in (by.mean, by.std)
        )
        x = (torch.from_numpy(data.images).to(self.device, dtype) - mean) / std
        return x.contiguous(memory_format=torch.channels_last)


def cropped(x: torch.Tensor, mirrored: torch.Tensor, pad: int = 2) -> torch.Tensor:
    """Return images, some of them mirrored, at random positions in a frame of zeros."""
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    n, _, h, w = x.shape
    framed = functional.pad(x, (pad, pad, pad, pad)).permute(0, 2, 3, 1)
    top, left = torch.randint(2 * pad + 1, (2, n, 1, 1), device=x.device)
    rows = top + torch.arange(h, device=x.device)[:, None]
    columns = left + torch.arange(w, device=x.device)
    number = torch.arange(n, device=x.device)[:, None, None]
    return framed[number, rows, columns].permute(0, 3, 1, 2)


def views(x: torch.Tensor) -> list[tuple[float, torch.Tensor]]:
    """Return the six views of images with their weights."""
    found = [(0.25, x)]
    framed = functional.pad(x, (1, 1, 1, 1), mode="replicate")
    found += [(0.125, framed[:, :, 2:, 2:]), (0.125, framed[:, :, :-2, :-2])]
    return found + [(weight, view.flip(3)) for weight, view in found]
