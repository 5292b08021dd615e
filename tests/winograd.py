"""How Winograd's algorithm rounds: `python -m tests.winograd`.

First, layer by layer, the root mean square of the errors against float64, in parts of that of the
result, for normally distributed inputs and for those after a ReLU: Winograd's, in parentheses how
many times that of the direct kernels, and PyTorch's where it is installed. Then, for whole
networks, the errors of all gradients together with XPCNN_WINOGRAD on, off, and of PyTorch: the
least and the median of several batches. In some batches, rounding decides whether a number passes a
ReLU or wins a pooling window, and a gradient takes another way: the more often, the larger the
errors are.
"""

import argparse
import os
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy

from tests.lib import Host
from xpcnn.benchmark import Case, opened
from xpcnn.benchmark.sides import gradients
from xpcnn.models import preset
from xpcnn.ops import reference

SHAPES = ((16, 16, 32), (32, 32, 16), (32, 64, 16), (64, 64, 8), (128, 128, 8))
"""Channels, filters, pixels along an axis."""
PRESETS = ("mnist-best", "large", "large-bn", "resnet20")
BATCH, BATCHES = 64, 7


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.winograd", description=__doc__)
    parser.add_argument(
        "--presets", default=",".join(PRESETS), help="comma-separated; may be empty"
    )
    names = [*filter(None, parser.parse_args().presets.split(","))]
    for name in names:
        preset(name)  # rejects an unknown name before anything is computed
    print("layer, inputs: y, dx, dw")
    for shape in SHAPES:
        for inputs in ("normal", "relu"):
            print(f"{shape}, {inputs}: {layer(shape, inputs)}", flush=True)
    print("\nnetwork; on, off, PyTorch: least and median of the batches")
    for name in names:
        errors = [list(network(name, shift)) for shift in range(BATCHES)]
        columns = zip(*errors, strict=True)
        print(name, *(f"{min(column):.1e} {median(column):.1e}" for column in columns), sep="  ")


def layer(shape: tuple[int, int, int], inputs: str) -> str:
    """Return the errors of y, dx and dw of one layer, in words."""
    c, f, size = shape
    rng = numpy.random.default_rng(0)
    x, w = normal(rng, BATCH, c, size, size), normal(rng, f, c, 3, 3) * (2 / (9 * c)) ** 0.5
    arrays = [numpy.maximum(x, 0) if inputs == "relu" else x, w.astype("float32")]
    dy = normal(rng, BATCH, f, size, size)
    kernel = import_module("xpcnn.backends.numpy_kernels.compiled").KERNELS["conv2d"]
    exact = passes(reference.conv2d, [a.astype("float64") for a in arrays], dy.astype("float64"))
    errors = {}
    for switch in ("on", "off"):
        os.environ["XPCNN_WINOGRAD"] = switch
        errors[switch] = [
            apart(*pair) for pair in zip(passes(kernel, arrays, dy), exact, strict=True)
        ]
    theirs = [apart(*pair) for pair in zip(by_pytorch(arrays, dy), exact, strict=False)]
    words = [
        f"{own:.1e} ({own / d:.2f})" for own, d in zip(errors["on"], errors["off"], strict=True)
    ]
    return ", ".join(words) + "".join(f", {e:.1e}" for e in theirs).replace(",", "; PyTorch", 1)


def normal(rng: numpy.random.Generator, *shape: int) -> Host:
    return rng.standard_normal(shape).astype("float32")


def passes(op: Any, arrays: list[Host], dy: Host) -> list[Host]:
    y, pullback = op(*arrays, None, padding=1)
    dx, dw, _ = pullback(dy)
    return [y, dx, dw]


def by_pytorch(arrays: list[Host], dy: Host) -> Iterator[Host]:
    """Yield y, dx and dw of PyTorch, or nothing without it."""
    if find_spec("torch") is None:
        return
    torch: Any = import_module("torch")
    x, w = (torch.tensor(a, requires_grad=True) for a in arrays)
    y = torch.nn.functional.conv2d(x, w, padding=1)
    y.backward(torch.tensor(dy))
    yield from (a.numpy() for a in (y.detach(), x.grad, w.grad))


def apart(got: Host, exact: Host) -> float:
    """Return the 2-norm of the errors, in parts of that of the numbers."""
    return float(numpy.sqrt(((got - exact) ** 2).sum() / (exact**2).sum()))


def network(name: str, shift: int) -> Iterator[float]:
    """Yield the error of all gradients of a preset with Winograd, without, and of PyTorch.

    shift: by how many pixels the images are rolled, for another batch.
    """
    verification: Any = import_module("xpcnn.benchmark.pytorch.verification")
    model, x, labels = opened(Case(name, BATCH, "train"))
    x = numpy.roll(x, shift, axis=-1)
    _, exact = gradients(verification.plain_copy(model, "float64"), x, labels)
    plain = verification.plain_copy(model, "float32")
    for switch in ("on", "off"):
        os.environ["XPCNN_WINOGRAD"] = switch
        yield together(gradients(plain, x, labels)[1], exact)
    steps: Any = import_module("xpcnn.benchmark.pytorch.steps")
    theirs = steps.Theirs(plain, x, labels, "train", verification.FORMATS[0])
    theirs.module.train()
    theirs.backward()
    found = [p.grad.numpy() for p in theirs.module.parameters()]
    own = [g.T if path.endswith("weight") and g.ndim == 2 else g for path, g in exact.items()]
    yield together(dict(enumerate(found)), dict(enumerate(own)))


def together(got: dict[Any, Host], exact: dict[Any, Host]) -> float:
    flat = [numpy.concatenate([numpy.ravel(g[k]) for k in exact]) for g in (got, exact)]
    return apart(*flat)


if __name__ == "__main__":
    main()
