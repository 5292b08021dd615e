"""What stopped being finite first: the update, the layer and the kind of tensor, by name."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.lib import Lib
from tests.training.linear import rows
from tests.training.test_resume import InterruptAfter
from xpcnn import Model
from xpcnn.errors import DataWarning, XpcnnError
from xpcnn.initializers import Draw, Zeros
from xpcnn.layers import BatchNorm, Context, Dense, Dropout, Layer, ReLU, Residual, Sequential
from xpcnn.losses import MSE, SoftmaxCrossEntropy
from xpcnn.optimizers import SGD, Adagrad, Adam, Optimizer
from xpcnn.training import Checkpoints
from xpcnn.types import Array, Params, Shape, flatten, namespace

DATA = rows(20)


@dataclass(frozen=True)
class Burst:
    """The identity, but in the given forward passes: y = a·x, dx = b·dy, and a gradient for s."""

    at: tuple[int, ...]
    a: float = 1.0
    b: float = 1.0
    gradient: float = 0.0

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {"s": draw("s", Zeros(), (1,))}, {}, shape

    def forward(self, params: Params, buffers: Params, x: Array, ctx: Context) -> Any:
        now = ctx.forward_pass in self.at
        s = params["s"]

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            g = namespace(s).full_like(s, self.gradient if now else 0.0)
            return (dy * self.b if now else dy), {"s": g}

        return (x * self.a if now else x), buffers, pullback


@dataclass(frozen=True)
class Case:
    """A network with `burst` in it, and the first tensor that stops being finite."""

    burst: dict[str, float]
    first: str
    optimizer: Optimizer = SGD(0.01)  # noqa: RUF009 - frozen
    options: tuple[tuple[str, Any], ...] = ()

    def layers(self, *at: int) -> list[Layer]:
        burst = Burst(at, **self.burst)
        inner = Sequential([Dense(5), burst])
        return [Dense(5), BatchNorm(), Residual(inner), BatchNorm(), ReLU(), Dropout(0.2), Dense(3)]


PLACE = "layers.2.body.layers.1"
CASES = {
    "activation": Case({"a": numpy.inf}, f"the output of {PLACE} (Burst)"),
    "gradient": Case({"b": numpy.inf}, f"the gradient of the input of {PLACE} (Burst)"),
    "clipped": Case(
        {"gradient": numpy.inf}, f"the gradient of {PLACE}.s", options=(("clip_value", 1.0),)
    ),
    "weight": Case(
        {"gradient": 1e20}, f"the weight {PLACE}.s", options=(("layer_lr", {"*.s": 1e25}),)
    ),
    "memory": Case({"gradient": 1e20}, f"the optimizer's v of {PLACE}.s", Adam()),
    "statistic": Case({"a": 1e25}, "the running statistic layers.3.var"),
}
"""Each by itself: with what is named, nothing before it is not finite."""


def fit(model: Model, case: Case, **changes: Any) -> None:
    """Train on 20 samples in shuffled batches of 4, up to 4 epochs."""
    given = {"epochs": 4, "batch_size": 4, "optimizer": case.optimizer, **dict(case.options)}
    model.fit(DATA, **given | changes)


def model_of(case: Case, *at: int, **options: Any) -> Model:
    return Model(case.layers(*at), input_shape=(4,), **options)


def said(model: Model, case: Case, **changes: Any) -> str:
    """Return what the error of a run says up to its advice; the model must be as it was."""
    before = [model.backend.to_host(x).tobytes() for x in flatten(model.params).values()]
    with pytest.raises(XpcnnError) as error:
        fit(model, case, **changes)
    after = [model.backend.to_host(x).tobytes() for x in flatten(model.params).values()]
    assert (after, model.mean) == (before, None)
    text, advice = str(error.value).split("\nTry: ")
    assert advice.startswith("a smaller learning rate than ")
    return re.sub(r" is not finite( \(.* values\))?", "", text)


def expected(case: Case, update: int, epoch: int) -> str:
    return f"training diverged: {case.first}, at update {update} (epoch {epoch})"


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_in_the_middle_of_an_epoch(case: Case, lib: Lib) -> None:
    """Five batches an epoch: the eighth is the third of the second."""
    model = model_of(case, 8, backend=lib.backend)
    assert said(model, case) == expected(case, 8, 2)


def test_without_it_all_is_well() -> None:
    """The checker's own check: the same runs without a burst."""
    for case in CASES.values():
        fit(model_of(case), case)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
@pytest.mark.parametrize(
    ("at", "changes", "update", "epoch"),
    [
        (1, {}, 1, 1),
        (10, {}, 10, 2),
        # pairs of batches: 1 2, 3 4, 5; then 6 7, 8 9, 10
        (8, {"accumulate": 2}, 5, 2),
        (9, {"accumulate": 2}, 5, 2),
        (10, {"accumulate": 2}, 6, 2),
        (8, {"validation": rows(9), "validate_every": 2, "ema": 0.9}, 8, 2),
        (8, {"freeze": ["layers.0.*"], "l1": 1e-3}, 8, 2),
    ],
)
def test_wherever(case: Case, at: int, changes: dict[str, Any], update: int, epoch: int) -> None:
    assert said(model_of(case, at), case, **changes) == expected(case, update, epoch)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
@pytest.mark.parametrize(("together", "broken", "update"), [(1, 6, 8), (1, 7, 8), (2, 4, 5)])
def test_resumed_before_it(
    case: Case, together: int, broken: int, update: int, tmp_path: Path
) -> None:
    folder = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(
            model_of(case, 8),
            case,
            accumulate=together,
            checkpoints=folder,
            callbacks=[InterruptAfter(broken)],
        )
    text = said(model_of(case, 8), case, accumulate=together, checkpoints=folder, resume=True)
    assert text == expected(case, update, 2)


def test_no_checkpoint_of_what_is_not_finite(tmp_path: Path) -> None:
    folder = Checkpoints(tmp_path, every_steps=1, keep=99)
    said(model_of(CASES["memory"], 8), CASES["memory"], checkpoints=folder)
    newest, *_ = folder.files()
    assert newest.name == "step-000000007.safetensors"


def test_the_loss(lib: Lib) -> None:
    """Squares of 1e25 overflow; the scores and all gradients are finite."""
    layers: list[Layer] = [Dense(3), Burst((8,), a=1e25)]
    model = Model(layers, input_shape=(4,), loss=MSE(), backend=lib.backend)
    case = Case({}, "the loss")
    assert said(model, case, clip_norm=1.0) == expected(case, 8, 2)


def test_the_memory_comes_before_the_weight() -> None:
    """Two gradients of 3e38 are too much for the velocity, and with it for the weight."""
    case = Case(
        {"gradient": 3e38}, f"the optimizer's velocity of {PLACE}.s", SGD(0.05, momentum=0.9)
    )
    assert said(model_of(case, 8, 9), case) == expected(case, 9, 2)


def test_gradients_are_clipped_in_the_search_too() -> None:
    """Clipped, 1e20 is harmless to the memory, and twice too much for a weight at such a rate."""
    options = (("clip_value", 1.0), ("layer_lr", {"*.s": 3.3e38}))
    case = Case({"gradient": 1e20}, f"the weight {PLACE}.s", Adagrad(1.0), options)
    assert said(model_of(case, 8, 9), case) == expected(case, 9, 2)


@dataclass(frozen=True)
class Endless:
    """The identity, with a statistic that grows beyond all numbers."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {"sum": draw("sum", Zeros(), (1,))}, shape

    def forward(self, params: Params, buffers: Params, x: Array, ctx: Context) -> Any:
        return x, {"sum": buffers["sum"] + numpy.inf}, lambda dy, want_dx=True: (dy, {})


def test_a_frozen_statistic_is_no_matter() -> None:
    case = Case({}, "the running statistic layers.1.sum")
    model = Model([Dense(5), Endless(), Dense(3)], input_shape=(4,))
    assert said(model, case) == expected(case, 1, 1)
    fit(model, case, freeze=["layers.1.sum"])


def test_a_network_of_one_layer() -> None:
    """Whose path is empty."""
    case = Case({}, "the gradient of s", options=(("clip_value", 1.0),))
    model = Model(Burst((8,), gradient=numpy.inf), input_shape=(4,), classes=list("abcd"))
    assert said(model, case) == expected(case, 8, 2)


def test_how_many_values() -> None:
    case = CASES["activation"]
    with pytest.raises(
        XpcnnError, match=r"\(Burst\) is not finite \(20 of 20 values\), at update "
    ):
        fit(model_of(case, 8), case)


@dataclass(frozen=True)
class Huge(SoftmaxCrossEntropy):
    """A loss of 2e38 for each batch."""

    def __call__(self, scores: Array, labels: Array) -> Any:
        value, back = super().__call__(scores, labels)
        return value * 0.0 + 2e38, lambda dloss: back(0.0 * dloss)


def test_losses_whose_sum_is_too_much() -> None:
    model = Model([Dense(3)], input_shape=(4,), loss=Huge())
    with pytest.raises(
        XpcnnError, match=r"^training diverged: the mean loss is inf after update 5"
    ):
        fit(model, Case({}, ""))


def test_a_validation_that_is_too_much() -> None:
    """All of training is finite."""
    model = Model([Dense(3)], input_shape=(4,), loss=MSE())
    with (
        pytest.warns(DataWarning, match=r"spread 1e\+30 times as wide"),
        pytest.raises(XpcnnError, match=r"^training diverged: the validation loss is inf after "),
    ):
        fit(model, Case({}, ""), validation=(DATA[0] * 1e30, DATA[1]))
