"""R5: gradient checks of layers over their hyperparameters, sizes, batches and memory orders.

By `xpcnn.testing.check_gradients` with its own tolerances: of R5's rtol 1e-3 and atol 1e-5 an error
of 0.05 % would slip through. The cases are drawn from all combinations with a fixed seed.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy
import pytest

from tests.conformance.figures import chosen, report
from tests.conformance.tally import Tally
from tests.lib import Lib, open_lib, strided
from xpcnn import layers
from xpcnn.errors import XpcnnError
from xpcnn.initializers import Draw
from xpcnn.layers import (
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    MinPool2D,
    Multiply,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.testing import GradientError, check_gradients
from xpcnn.types import Shape

SEED = 0
IMAGES = [(5, 5), (6, 6), (5, 6), (7, 4)]


@dataclass(frozen=True)
class Case:
    """A layer, the shape of a sample, a batch size and whether memory is laid out in order."""

    layer: Layer
    shape: Shape
    batch: int
    contiguous: bool


def drawn(
    count: int, make: Callable[..., tuple[Layer, Shape]], *choices: Sequence[Any]
) -> Iterator[Case]:
    """Draw combinations that fit; batches 1 to 3 and both memory orders in turn."""
    combinations = list(itertools.product(*choices, IMAGES))
    made = 0
    for i in numpy.random.default_rng(SEED).permutation(len(combinations)):
        try:
            layer, shape = make(*combinations[i])
            layer.init(shape, Draw(SEED))
        except XpcnnError:
            continue  # the window does not fit, or "same" with a stride
        yield Case(layer, shape, 1 + made % 3, made % 2 == 0)
        made += 1
        if made == count:
            return


def convolutions() -> Iterator[Case]:
    def make(
        size: Any, stride: Any, padding: Any, dilation: Any, groups: int, bias: bool, image: Any
    ) -> tuple[Layer, Shape]:
        options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
        return Conv2D(4, size, groups=groups, bias=bias, **options), (4, *image)

    sizes = [1, 2, 3, (2, 3), (3, 1)]
    strides = [1, 2, (2, 1), 3]
    paddings = [0, 1, "same", (1, 2), ((0, 1), (2, 0))]
    dilations = [1, 2, (1, 2)]
    return drawn(150, make, sizes, strides, paddings, dilations, [1, 2, 4], [True, True, False])


def pools() -> Iterator[Case]:
    def make(
        kind: Callable[..., Layer], size: Any, stride: Any, padding: Any, ceil: bool, image: Any
    ) -> tuple[Layer, Shape]:
        return kind(size, stride=stride, padding=padding, ceil_mode=ceil), (2, *image)

    kinds = [MaxPool2D, MinPool2D, AvgPool2D, partial(AvgPool2D, count_include_pad=False)]
    sizes, strides = [2, 3, (2, 3)], [None, 1, 2, (1, 2), 3]
    return drawn(120, make, kinds, sizes, strides, [0, 1, "same", ((0, 1), (1, 0))], [False, True])


def others() -> Iterator[Case]:
    """Yield every other layer on rows and images, and containers of layers."""
    elementwise = (
        *("ReLU", "LeakyReLU", "ELU", "SELU", "PReLU", "SiLU", "Mish", "Softplus", "Softsign"),
        *(
            "HardSigmoid",
            "HardSwish",
            "HardTanh",
            "ReLU6",
            "Sigmoid",
            "Tanh",
            "Softmax",
            "LogSoftmax",
        ),
    )
    made: list[Layer] = [getattr(layers, name)() for name in elementwise]
    made += [layers.GELU(), layers.GELU("tanh"), layers.LeakyReLU(0.3), layers.ELU(0.5)]
    made += [
        layers.Softplus(2.0),
        Dropout(0.3),
        layers.Activation(lambda x: x * x, lambda x: 2 * x),
    ]
    for layer, (shape, batch, contiguous) in itertools.product(
        made, [((5,), 1, True), ((3, 3, 2), 2, False)]
    ):
        yield Case(layer, shape, batch, contiguous)
    for image, batch in itertools.product(IMAGES, [1, 2]):
        yield Case(BatchNorm(eps=1e-3), (3, *image), batch, batch == 1)
        for name in ("GlobalAvgPool2D", "GlobalMaxPool2D", "Flatten"):
            yield Case(getattr(layers, name)(), (2, *image), batch, batch == 2)
    for name, size in itertools.product(["AdaptiveAvgPool2D", "AdaptiveMaxPool2D"], [3, (2, 7)]):
        yield Case(getattr(layers, name)(size), (2, 5, 6), 2, name == "AdaptiveAvgPool2D")
    for units, inputs, batch, bias in itertools.product([1, 4], [1, 5], [1, 3], [True, False]):
        yield Case(Dense(units, bias=bias), (inputs,), batch, contiguous=bias)
    yield Case(BatchNorm(), (4,), 5, False)
    yield Case(layers.Reshape((2, -1)), (3, 2, 2), 2, False)
    body = Sequential([Conv2D(3, 3, padding="same"), BatchNorm(), ReLU()])
    for batch in (1, 2):
        for contiguous in (True, False):
            yield Case(Residual(body), (3, 4, 5), batch, contiguous)
            yield Case(Residual(body, Conv2D(3, 1)), (2, 4, 5), batch, contiguous)
            yield Case(Multiply(body, Conv2D(3, 1)), (2, 4, 5), batch, contiguous)
            gate = Sequential([layers.GlobalAvgPool2D(), Dense(2), layers.HardSigmoid()])
            yield Case(Multiply(gate), (2, 4, 5), batch, contiguous)
            yield Case(Concat([body, Conv2D(2, 1), AvgPool2D(1)]), (2, 4, 5), batch, contiguous)
            network = Sequential([Conv2D(3, 3, padding=1), MaxPool2D(2), body, Flatten(), Dense(3)])
            yield Case(network, (2, 6, 6), batch, contiguous)


def transposed() -> Iterator[Case]:
    def make(
        size: Any, stride: Any, padding: Any, more: Any, dilation: Any, groups: int, image: Any
    ) -> tuple[Layer, Shape]:
        options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
        layer = layers.ConvTranspose2D(4, size, output_padding=more, groups=groups, **options)
        return layer, (4, *image)

    paddings = [0, 1, "same", ((0, 1), (2, 0))]
    return drawn(40, make, [1, 3, (2, 3)], [1, 2, (2, 1)], paddings, [0, (1, 0)], [1, 2], [1, 2, 4])


def others_of_images() -> Iterator[Case]:
    made: list[Layer] = [
        layers.DepthwiseConv2D(3, padding=1),
        layers.DepthwiseConv2D((2, 3), multiplier=2, stride=2, padding="same"),
        layers.LayerNorm(eps=1e-3),
        layers.LayerNorm(1, eps=1e-3),
        layers.GroupNorm(2, eps=1e-3),
        layers.GroupNorm(4, eps=1e-3),
        layers.Upsample(),
        layers.Upsample((3, 2), "bilinear"),
        layers.SpatialDropout(0.3),
        Residual(layers.StochasticDepth(0.3)),
    ]
    for layer, batch in itertools.product(made, [1, 3]):
        yield Case(layer, (4, 3, 5), batch, batch == 1)


CASES = [*convolutions(), *pools(), *others(), *transposed(), *others_of_images()]


def problem(case: Case, lib: Lib, seed: int) -> str | None:
    """Return what is wrong with the gradients of one case."""
    place = lib if case.contiguous else strided(lib)
    try:
        check_gradients(case.layer, case.shape, backend=place.backend, batch=case.batch, seed=seed)
    except GradientError as error:
        return f"{case}: {error}"
    return None


def test_every_value_of_every_hyperparameter_is_drawn() -> None:
    texts = [str(case) for case in CASES]
    for wanted in (
        *("stride=3", "stride=(2, 1)", "padding='same'", "padding=((0, 1), (2, 0))", "groups=4"),
        *("dilation=2", "dilation=(1, 2)", "size=(3, 1)", "ceil_mode=True", "MinPool2D"),
        *("count_include_pad=False", "bias=False", "stride=None", "output_padding=(1, 0)"),
    ):
        assert any(wanted in text for text in texts), wanted


def test_gradients(lib: Lib, tally: Tally) -> None:
    cases = chosen(len(CASES), lib.name)
    problems = [p for i in cases if (p := problem(CASES[i], lib, i))]
    passed = len(cases) - len(problems)
    tally[lib.name]["R5"] = (passed, len(cases))
    report("R5 gradient checks", passed, len(cases), note=f"{lib.name}, float64, seed {SEED}")
    assert not problems, "\n".join(problems)
    assert len(CASES) >= 300


def test_a_planted_error_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A derivative that is 0.05 % off fails wherever it is used."""
    exact: Any = layers.ReLU.op

    def inexact(x: Any) -> Any:
        y, back = exact(x)
        return y, lambda dy, wants=None: (back(dy)[0] * 1.0005,)

    monkeypatch.setattr(layers.ReLU, "op", staticmethod(inexact))
    lib = open_lib("numpy")
    hit = [case for case in CASES if "ReLU()" in str(case).replace("PReLU", "")]
    assert len(hit) > 10
    assert all(problem(case, lib, 0) for case in hit[::3])
