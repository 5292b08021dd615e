"""Recorded training steps: the same bits as without records, and none where Python decides."""

import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy
import pytest

from tests.compiled.support import require_compiler
from tests.lib import Host
from xpcnn import losses
from xpcnn.backend import direct
from xpcnn.batch_rows import Rows
from xpcnn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.models import preset
from xpcnn.network import Network
from xpcnn.optimizers import SGD, AdamW
from xpcnn.process_group import ALONE
from xpcnn.tasks import MultiLabel
from xpcnn.training import TrainingOptions
from xpcnn.training.progress import Progress, beginning, named_arrays
from xpcnn.training.recipe import Recipe, recipe_for, shared_recipe
from xpcnn.training.step import gradients, training_step
from xpcnn.types import Array

SHAPE, CLASSES = (2, 9, 9), 5


@pytest.fixture(autouse=True)
def _kernels(request: pytest.FixtureRequest) -> None:
    require_compiler()
    if request.config.getoption("--no-kernels"):
        pytest.skip("kernels: turned off by --no-kernels")


def layers() -> list[Layer]:
    block = Sequential([Conv2D(16, 3, padding="same", bias=False), BatchNorm(), ReLU()])
    return [
        *(Conv2D(16, 3, padding=1), ReLU(), MaxPool2D(2)),
        *(Residual(block), Conv2D(8, 2, stride=2), ReLU(), Conv2D(8, 1), ReLU()),
        *(Flatten(), Dense(12), BatchNorm(), ReLU(), Dense(CLASSES)),
    ]


def batch(shape: Sequence[int], n: int, seed: int, classes: int = CLASSES) -> tuple[Host, Host]:
    rng = numpy.random.default_rng(seed)
    return rng.normal(size=(n, *shape)).astype("float32"), rng.integers(0, classes, n)


def trained(
    recipe: Recipe, network: Network, batches: Sequence[tuple[Host, Host]], *rows: Rows
) -> dict[str, Host]:
    """Return all that steps leave behind; rows: of each batch, in a group of processes."""
    progress: Progress = beginning(recipe, network)
    with network.backend.session():
        for i, one in enumerate(batches):
            lr, step = (numpy.asarray(v, "float32") for v in (0.05 / (i + 1), i + 1))
            progress = training_step(recipe, progress, [one], i + 1, lr, step, rows)
    sums = {name: getattr(progress, name) for name in ("loss_sum", "hits", "finite")}
    return {name: numpy.array(x) for name, x in (named_arrays(progress) | sums).items()}


def records(recipe: Recipe) -> tuple[list[bool], list[bool]]:
    """Return whether whole steps, and whether passes are recorded, of batches of each size."""
    steps: Any = getattr(recipe.steps, "replay", None)
    passes: Any = recipe.replay
    of_steps, of_passes = (
        [plan is not None for plan in ({} if held is None else held.plans).values()]
        for held in (steps, passes)
    )
    return of_steps, of_passes


def by_layers(recipe: Recipe) -> Recipe:
    return recipe._replace(replay=direct, steps=direct)


def check(
    network: Network,
    batches: Sequence[tuple[Host, Host]],
    recorded: Any,
    options: TrainingOptions | None = None,
) -> None:
    """Require the bits of steps without records, several times from the same weights.

    recorded: see `records`; STEP, PASS and NEITHER are for batches of one size.
    """
    recipe = recipe_for(network, options or TrainingOptions(optimizer=SGD(0.1, momentum=0.9)), 0)
    expected = trained(by_layers(recipe), network, batches)
    for _ in range(2):
        found = trained(recipe, network, batches)
        assert found.keys() == expected.keys()
        for name, x in expected.items():
            assert found[name].tobytes() == x.tobytes(), name
    assert records(recipe) == recorded


Records = tuple[Sequence[bool], Sequence[bool]]

STEP: Records = ([True], [])
PASS: Records = ([False], [True])
NEITHER: Records = ([False], [False])
NOT_TRIED: Records = ([], [False])  # with code of a user's own

PRESETS = ["tiny", "kaggle", "small", "two-conv", "lenet5", "sigmoid-binary", "medium"]


@pytest.mark.parametrize("name", [*PRESETS, "mnist-best", "large-bn", "resnet20"])
def test_presets(name: str) -> None:
    found = preset(name)
    network = Network(found.layers, input_shape=found.input_shape, loss=found.loss)
    sizes = (9, 9, 4, 9)
    batches = [batch(found.input_shape, n, i, found.classes) for i, n in enumerate(sizes)]
    check(network, batches, ([True, True], []))


@pytest.mark.parametrize("name", ["small", "large-bn", "resnet20"])
def test_a_plan_takes_no_more_memory_than_the_layers(name: str) -> None:
    found = preset(name)
    network = Network(found.layers, input_shape=found.input_shape, loss=found.loss)
    recipe = recipe_for(network, TrainingOptions(), 0)
    one = [batch(found.input_shape, 8, 0, found.classes)] * 2
    trained(recipe, network, one)  # NumPy's and Python's own memory of the first steps
    alone = by_layers(recipe)
    progress = beginning(alone, network)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    gradients(alone, progress, one[:1], 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (plan,) = recipe.steps.replay.plans.values()  # type: ignore[attr-defined]
    assert plan.bytes <= peak - before


@pytest.mark.parametrize(
    "optimizer", [SGD(0.1), AdamW(0.01), SGD(0.1, nesterov=True, momentum=0.9)]
)
@pytest.mark.parametrize(
    "further", [{}, {"clip_norm": 0.1}, {"l1": 0.01}, {"ema": 0.9}, {"layer_lr": {"layers.0.*": 0}}]
)
def test_options(optimizer: Any, further: dict[str, Any]) -> None:
    network = Network(layers(), input_shape=SHAPE)
    batches = [batch(SHAPE, 16, i) for i in range(4)]
    recorded = PASS if further else STEP  # the rest is of NumPy calls
    check(network, batches, recorded, TrainingOptions(optimizer=optimizer, **further))


@pytest.mark.parametrize(
    ("loss", "recorded"),
    [
        (losses.SoftmaxCrossEntropy(), True),
        (losses.BCEWithLogits(), True),
        (losses.SoftmaxCrossEntropy(label_smoothing=0.1), False),
        (losses.SoftmaxCrossEntropy(class_weights=(1, 2, 3, 4, 5)), False),
        (losses.MSE(), False),
    ],
)
def test_losses(loss: losses.Loss, recorded: bool) -> None:
    network = Network([Flatten(), Dense(CLASSES)], input_shape=SHAPE, loss=loss)
    check(network, [batch(SHAPE, 16, i) for i in range(3)], STEP if recorded else NEITHER)


def test_hits_that_numpy_counts_without_a_kernel_are_not_recorded() -> None:
    """NumPy returns them as a scalar, no array: it would be the same in every step."""
    task = MultiLabel()
    network = Network(
        [Flatten(), Dense(CLASSES)], input_shape=SHAPE, loss=losses.BCEWithLogits(), task=task
    )
    rng = numpy.random.default_rng(0)
    labels = [rng.integers(0, 2, (16, CLASSES)).astype("float32") for _ in range(3)]
    batches = [(batch(SHAPE, 16, i)[0], one) for i, one in enumerate(labels)]
    check(network, batches, NEITHER)


def test_labels_that_are_ignored_in_some_batches() -> None:
    """What the kernel in C does not serve, and a recorded pass therefore neither."""
    batches = [batch(SHAPE, 16, i) for i in range(4)]
    batches[2][1][3:6] = -100
    made = Network([Flatten(), Dense(CLASSES)], input_shape=SHAPE)
    check(made, batches, ([True], [False]))


def test_any_memory_order() -> None:
    (x, labels), (y, _) = batch(SHAPE, 16, 0), batch(SHAPE, 32, 1)
    last = numpy.moveaxis(numpy.ascontiguousarray(numpy.moveaxis(x, 0, -1)), -1, 0)
    off = numpy.frombuffer(b"." + x.tobytes(), x.dtype, x.size, 1).reshape(x.shape)
    odd = labels.repeat(2)[::2]
    batches = [(last, labels), (x, odd), (off, labels), (y[::2], odd), (x[:, ::-1], labels)]
    check(Network(layers(), input_shape=SHAPE), batches, STEP)


def test_given_arrays_are_not_kept_or_written() -> None:
    """A step reads its batch only, and the progress before it stays as it was."""
    network = Network(layers(), input_shape=SHAPE)
    recipe = recipe_for(network, TrainingOptions(), 0)
    one, other = batch(SHAPE, 16, 0), batch(SHAPE, 16, 1)
    lr, step = numpy.asarray(0.1, "float32"), numpy.asarray(1, "float32")
    before = beginning(recipe, network)
    kept = {name: x.copy() for name, x in named_arrays(before).items()}
    after = training_step(recipe, before, [one], 1, lr, step)
    once = {name: numpy.array(x) for name, x in named_arrays(after).items()}
    for given in (one, other):
        training_step(recipe, before, [given], 1, lr, step)
    assert records(recipe) == STEP
    for name, x in named_arrays(before).items():
        assert (x == kept[name]).all(), name
    for name, x in named_arrays(after).items():
        assert (x == once[name]).all(), name


def doubled(x: Array) -> Array:
    return x * float(2 + (x > 0).all())


@pytest.mark.parametrize("own", ["layer", "loss"])
def test_own_code_runs_in_every_step(own: str) -> None:
    """It may decide by the numbers in arrays."""

    class Own(losses.SoftmaxCrossEntropy):
        def __call__(self, scores: Any, labels: Any) -> Any:
            value, back = super().__call__(scores, labels)
            return value, lambda dloss: back(dloss) * (2.0 if labels[0] == 0 else 1.0)

    inner: list[Layer] = [Activation(doubled, doubled)] if own == "layer" else []
    loss = Own() if own == "loss" else losses.SoftmaxCrossEntropy()
    network = Network([Flatten(), *inner, Dense(CLASSES)], input_shape=SHAPE, loss=loss)
    check(network, [batch(SHAPE, 16, i) for i in range(3)], NOT_TRIED)


class Two(type(ALONE)):  # type: ignore[misc]
    """The first of two processes; the other sums the same."""

    size = 2

    def sum(self, x: Array) -> Array:
        return x + x

    def sum_of(self, size: int) -> Any:
        return self.sum


@pytest.mark.parametrize(
    ("inner", "options", "recorded"),
    [
        ([], {}, ([], [True])),
        ([BatchNorm()], {"batch_norm": "local"}, ([], [True])),
        ([BatchNorm()], {}, ([], [])),
    ],
)
def test_processes(inner: list[Layer], options: dict[str, Any], recorded: Any) -> None:
    """Where they exchange nothing within a pass, its calls are recorded too."""
    network = Network([Flatten(), Dense(7), *inner, ReLU(), Dense(CLASSES)], input_shape=SHAPE)
    chosen = TrainingOptions(optimizer=SGD(0.1), **options)
    recipe = shared_recipe(recipe_for(network, chosen, 0), network, chosen, Two())
    batches = [batch(SHAPE, 8, i) for i in range(3)]
    expected = trained(by_layers(recipe), network, batches, Rows(0, 8, 16))
    found = trained(recipe, network, batches, Rows(0, 8, 16))
    assert all(found[name].tobytes() == x.tobytes() for name, x in expected.items())
    assert records(recipe) == recorded
