"""R7: loss curves of small networks beside PyTorch's, on images with flat borders.

Flat patches and positive biases make ties in pooling, which random data never have and on which
most hand-written pooling is wrong. In float64 every loss of 100 steps must agree to 1e-9; in
float32, where two correct programs drift apart, those of the first 10 steps to 1e-5. Losses in
inference mode show the running statistics. Convolutions before batch norm have no bias: its
gradient would be rounding alone, which Adam blows up.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

pytest.importorskip("torch", reason="torch is not installed: R7 is left out")

import torch

from tests.conformance.case_results import numpy_kernels
from tests.conformance.figures import report
from xpcnn import layers, ops
from xpcnn.initializers import Draw
from xpcnn.layers import Context, Layer, Sequential
from xpcnn.losses import SoftmaxCrossEntropy
from xpcnn.network import Network
from xpcnn.ops.reference.windows import Windows
from xpcnn.optimizers import SGD, Adam, Optimizer
from xpcnn.optimizers.groups import parameter_groups
from xpcnn.training.progress import beginning
from xpcnn.training.recipe import Recipe
from xpcnn.training.step import training_step
from xpcnn.types import Params, flatten, unflatten_like

SEED = 0
STEPS, BATCH, CLASSES = 100, 16, 5

Host = Any  # a NumPy array of any dtype
TorchOptimizer = Callable[[Any], torch.optim.Optimizer]

OPTIMIZERS: dict[str, tuple[Optimizer, TorchOptimizer]] = {
    "SGD": (SGD(0.05), lambda p: torch.optim.SGD(p, 0.05)),
    "momentum": (SGD(0.02, momentum=0.9), lambda p: torch.optim.SGD(p, 0.02, momentum=0.9)),
    "Nesterov": (
        SGD(0.02, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, 0.02, momentum=0.9, nesterov=True),
    ),
    "Adam": (Adam(0.005), lambda p: torch.optim.Adam(p, 0.005)),
}
NETS = [(name, norm) for norm in (False, True) for name in OPTIMIZERS]


def images() -> tuple[Host, Host]:
    """Return 64 images (1, 12, 12) of few values, zero around their middle, and labels."""
    rng = numpy.random.default_rng(SEED)
    x = numpy.zeros((64, 1, 12, 12))
    x[:, :, 3:9, 3:9] = rng.integers(0, 4, (64, 1, 6, 6)) / 4
    return x, rng.integers(0, CLASSES, 64)


def network(norm: bool) -> Sequential:
    """Pool before and after the activation, with and without overlap and padding."""
    maybe: list[Layer] = [layers.BatchNorm()] if norm else []
    return Sequential(
        [
            layers.Conv2D(4, 3, padding=1, bias=not norm),
            layers.MaxPool2D(2),
            *maybe,
            layers.ReLU(),
            layers.Conv2D(6, 3, bias=not norm),
            *maybe,
            layers.ReLU(),
            layers.MaxPool2D(3, stride=2, padding=1),
            layers.Flatten(),
            layers.Dense(CLASSES),
        ]
    )


def start(norm: bool, dtype: str) -> tuple[Params, Params]:
    """Return the first parameters, every bias and beta positive, and buffers."""
    params, buffers, _ = network(norm).init((1, 12, 12), Draw(SEED))
    raised = {
        path: p.astype(dtype) + (0.1 if path.endswith(("bias", "beta")) else 0.0)
        for path, p in flatten(params).items()
    }
    stats = {path: b.astype(dtype) for path, b in flatten(buffers).items()}
    return unflatten_like(params, raised), unflatten_like(buffers, stats)


def pytorch_network(norm: bool, dtype: str) -> torch.nn.Sequential:
    """Return the same network of PyTorch's modules with the same parameters."""
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1, bias=not norm),
        torch.nn.MaxPool2d(2),
        *([torch.nn.BatchNorm2d(4)] if norm else []),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 6, 3, bias=not norm),
        *([torch.nn.BatchNorm2d(6)] if norm else []),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(3, stride=2, padding=1),
        torch.nn.Flatten(),
        torch.nn.Linear(24, CLASSES),
    )
    module.to(getattr(torch, dtype))
    values = flatten(start(norm, dtype)[0]).values()
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), values, strict=True):
            parameter.copy_(torch.from_numpy(value.T.copy() if value.ndim == 2 else value))
    return module


def batches(dtype: str, steps: int) -> Iterator[tuple[Host, Host]]:
    x, labels = images()
    for step in range(steps):
        rows = slice(step * BATCH % 64, step * BATCH % 64 + BATCH)
        yield x[rows].astype(dtype), labels[rows]


def curve(norm: bool, optimizer: Optimizer, dtype: str, steps: int) -> list[float]:
    """Return the loss of every step, and after every tenth the loss in inference mode."""
    net, loss = network(norm), SoftmaxCrossEntropy()
    params, buffers = start(norm, dtype)
    zero, lr = numpy.zeros((), dtype), numpy.asarray(optimizer.lr, dtype)
    recipe = Recipe(net, loss, optimizer, parameter_groups(tuple(flatten(params))), no_draws)
    trained = Network(net, input_shape=(1, 12, 12), loss=loss, dtype=dtype)
    trained.params, trained.buffers = params, buffers
    now = beginning(recipe, trained)
    losses = []
    for number, (x, labels) in enumerate(batches(dtype, steps), start=1):
        step = numpy.asarray(number, dtype)
        now = now._replace(loss_sum=zero)
        now = training_step(recipe, now, [(x, labels)], number, lr, step)
        losses.append(float(now.loss_sum) / BATCH)
        if number % 10 == 0:
            y, _, _ = net.forward(now.params, now.buffers, x, Context())
            losses.append(float(loss(y, labels)[0]))
    return losses


def no_draws(*_: Any) -> Any:
    raise AssertionError("these networks draw nothing")


def expected_curve(norm: bool, make: TorchOptimizer, dtype: str, steps: int) -> list[float]:
    """Return the same losses as PyTorch computes them."""
    module = pytorch_network(norm, dtype)
    optimizer = make(module.parameters())
    losses = []
    for number, (x, labels) in enumerate(batches(dtype, steps), start=1):
        images, classes = torch.from_numpy(x), torch.from_numpy(labels)
        optimizer.zero_grad()
        loss: Any = torch.nn.functional.cross_entropy(module(images), classes)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if number % 10 == 0:
            with torch.no_grad():
                y = module.eval()(images)
            losses.append(torch.nn.functional.cross_entropy(y, classes).item())
            module.train()
    return losses


def distance(name: str, norm: bool, dtype: str, steps: int) -> float:
    """Return the largest relative difference between the two curves."""
    optimizer, make = OPTIMIZERS[name]
    ours = numpy.asarray(curve(norm, optimizer, dtype, steps))
    theirs = numpy.asarray(expected_curve(norm, make, dtype, steps))
    assert theirs[0] > 1.0  # the start of training, near log 5
    return float(numpy.max(numpy.abs(ours - theirs) / theirs))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep PyTorch's threads from taking the cores of NumPy's: the networks are tiny."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "references"])
@pytest.mark.parametrize(
    ("dtype", "steps", "bound"), [("float64", STEPS, 1e-9), ("float32", 10, 1e-5)]
)
def test_curves(kernels: bool, dtype: str, steps: int, bound: float) -> None:
    with numpy_kernels(kernels):
        found = {f"{n}{' + BN' if b else ''}": distance(n, b, dtype, steps) for n, b in NETS}
    how = f"NumPy {'kernels' if kernels else 'references'}, largest {max(found.values()):.1e}"
    passed = sum(d <= bound for d in found.values())
    report(f"R7 loss curves, {dtype}, {steps} steps", passed, len(NETS), note=how)
    assert passed == len(NETS), found


def test_a_mask_in_place_of_a_winner_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The common mistake in pooling passes gradient checks on random data, but not R7."""
    exact = ops.max_pool2d

    def masked(x: Host, *, size: Any, stride: Any = None, padding: Any = 0, **_: Any) -> Any:
        y = exact(x, size=size, stride=stride, padding=padding)[0]
        windows = Windows.of(x.shape[2:], size, size if stride is None else stride, padding, 1)
        padded = windows.pad(x, -numpy.inf)

        def pullback(dy: Host, wants: Any = None) -> Any:
            total = numpy.zeros_like(padded)
            for i, j in windows.offsets():
                total = total + windows.place(dy * (windows.cut(padded, i, j) == y), i, j)
            return (windows.crop(total),)

        return y, pullback

    monkeypatch.setattr("xpcnn.ops.max_pool2d", masked)
    assert distance("SGD", norm=False, dtype="float64", steps=10) > 1e-6
