"""A PyTorch user's first training step: the network `small` at batch 64, imports included."""

from typing import Any

import torch
from torch import nn

model = nn.Sequential(
    *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10)),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
x, labels = torch.ones(64, 1, 28, 28), torch.arange(64) % 10
loss: Any = nn.functional.cross_entropy(model(x), labels)
loss.backward()
optimizer.step()
