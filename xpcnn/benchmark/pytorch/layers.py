"""The time of each layer in PyTorch: `python -m xpcnn.benchmark.pytorch.layers PRESET BATCH`.

Prints JSON: "product", the GFLOP/s of one large product of matrices, and "seconds", by layer and
direction the least of some passes, in the faster of PyTorch's memory formats.
"""

import json
import math
import sys
import time
from dataclasses import dataclass
from typing import Any

import torch

from xpcnn import backend
from xpcnn.benchmark.layers import PASSES
from xpcnn.benchmark.pytorch.forms import FORMATS
from xpcnn.benchmark.pytorch.modules import module_of
from xpcnn.benchmark.sides import Case, opened
from xpcnn.layers import Context
from xpcnn.layers.rebuilding import Wrapper, rebuilt
from xpcnn.training.recipe import random_source
from xpcnn.types import Array, LayerPullback, Params


@dataclass(frozen=True)
class Noted(Wrapper):
    """A layer that notes its module in PyTorch and what it is given: (path, module, x)."""

    found: list[tuple[str, Any, Any]]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        module = module_of(self.layer, params, buffers).train()
        self.found.append((ctx.path, module, torch.tensor(x.copy(order="C"))))
        return self.layer.forward(params, buffers, x, ctx)


def layer_seconds(name: str, batch: int) -> dict[str, dict[str, float]]:
    """Return the least seconds of each layer of a preset, by direction."""
    model, given, _ = opened(Case(name, batch, "train"))
    found: list[tuple[str, Any, Any]] = []
    layers = rebuilt(
        model.layers, lambda layer: layer if hasattr(layer, "children") else Noted(layer, found)
    )
    ctx = Context(True, True, 1, random_source(model.network, 0))
    layers.forward(model.params, model.buffers, given, ctx)
    seconds: dict[str, dict[str, float]] = {
        path: {"forward": math.inf, "backward": math.inf} for path, _, _ in found
    }
    learns = False
    for path, module, x in found:
        for form in FORMATS:
            memory: Any = getattr(torch, form)
            if x.ndim == 4:
                x = x.contiguous(memory_format=memory)
            module.to(memory_format=memory)
            for direction, value in timed(module, x.requires_grad_(learns)).items():
                seconds[path][direction] = min(value, seconds[path][direction])
            x = x.detach()
        learns = learns or any(True for _ in module.parameters())
    return seconds


def timed(module: Any, x: Any) -> dict[str, float]:
    """Return the least seconds of a module, forward and backward."""
    wanted = [a for a in (x, *module.parameters()) if a.requires_grad]
    best = {"forward": math.inf, "backward": math.inf}
    for _ in range(PASSES):
        start = time.perf_counter()
        y = module(x)
        middle = time.perf_counter()
        best["forward"] = min(best["forward"], middle - start)
        if wanted:
            dy = torch.ones_like(y)
            middle = time.perf_counter()
            torch.autograd.grad(y, wanted, dy)
            best["backward"] = min(best["backward"], time.perf_counter() - middle)
    return best


def product(size: int = 2048) -> float:
    """Return the GFLOP/s of one large product."""
    a = torch.ones(size, size)
    out, best = torch.empty_like(a), math.inf
    for _ in range(PASSES):
        start = time.perf_counter()
        torch.mm(a, a, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


if __name__ == "__main__":
    threads = backend.load("numpy").describe()["threads"]
    if threads.isdecimal():
        torch.set_num_threads(int(threads))
    answer = {"seconds": layer_seconds(sys.argv[1], int(sys.argv[2])), "product": product()}
    print(json.dumps(answer))
