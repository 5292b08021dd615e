"""What `xpcnn train` does, as a PyTorch user would write it: the preset `digits` on the digits.

Same network, optimizer, schedule, epochs and sizes of parts; validated after each epoch, tested and
saved at the end: `python -P train_digits.py FILE`. No checkpoints and no log, which
`xpcnn train` writes too.
"""

import sys
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

BATCH, EPOCHS = 64, 15

with numpy.load(Path(__file__).parents[2] / "data/digits.npz") as arrays:
    pixels = torch.from_numpy(arrays["images"]).float()
    labels = torch.from_numpy(arrays["labels"]).long()
    test = torch.from_numpy(arrays["test"])
kept = pixels[~test]
pixels = (pixels - kept.mean()) / kept.std()
x, y = pixels[~test], labels[~test]
n = len(x) - len(x) // 10

model = nn.Sequential(
    *(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
    *(nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
    *(nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(512, 10)),
)
weights = [p for p in model.parameters() if p.ndim > 1]
others = [p for p in model.parameters() if p.ndim == 1]
groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": 5e-4}, {"params": others}]
optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
steps = EPOCHS * -(-n // BATCH)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, steps, cycle_momentum=False)


def accuracy(images: torch.Tensor, wanted: torch.Tensor) -> float:
    """Return the share of right answers."""
    model.eval()
    with torch.inference_mode():
        return float((model(images).argmax(1) == wanted).float().mean())


for _ in range(EPOCHS):
    model.train()
    order = torch.randperm(n)
    for start in range(0, n, BATCH):
        rows = order[start : start + BATCH]
        loss: Any = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    accuracy(x[n:], y[n:])
print(f"test accuracy {accuracy(pixels[test], labels[test]):.4f}")
torch.save(model.state_dict(), sys.argv[1])
