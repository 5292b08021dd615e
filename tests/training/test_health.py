"""Health in plain words: every sickness is named, a healthy training hears nothing."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.lib import Host, Lib
from tests.training import test_resume
from tests.training.test_resume import InterruptAfter, straight, trained
from tests.training.test_step import digits
from xpcnn import Model
from xpcnn.config.training_options import TrainingOptions
from xpcnn.initializers import Constant, Draw, Normal, Zeros
from xpcnn.layers import Context, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Sigmoid, Tanh
from xpcnn.losses import MSE, BCEWithLogits, SoftmaxCrossEntropy
from xpcnn.optimizers import SGD, Adam, Optimizer, RMSprop
from xpcnn.samples import Samples
from xpcnn.schedules import Step, Warmup
from xpcnn.training import Callback, Checkpoints, History
from xpcnn.training.health import Figures, findings, new, warm_up
from xpcnn.training.health_probe import expected_loss, measured
from xpcnn.training.progress import beginning
from xpcnn.training.recipe import recipe_for
from xpcnn.training.updates import Updates
from xpcnn.types import Array, LayerPullback, Params, Shape

HEALTHY = Figures(
    loss=2.0,
    expected=2.3,
    dead={"layers.1 (ReLU)": (6, 9)},
    saturated={"layers.4 (Tanh)": 0.5},
    gradients={"the input of layers.5 (Dense)": 0.2, "the input of layers.1 (ReLU)": 0.1},
    ratios={"the weight of layers.0 (Dense)": 1e-4, "the weight of layers.5 (Dense)": 0.15},
    equal=[],
    decided=(30, 2),
    labelled=(16, 16),
    present=2,
)


def told(
    updates: int = 200, factor: float = 1.0, losses: Sequence[float] = (), **changes: Any
) -> list[str]:
    found = findings(HEALTHY._replace(**changes), updates, factor, losses)
    return [str(finding) for finding in found]


def test_the_healthy_hear_nothing() -> None:
    """Though their figures are at the limits."""
    assert told() == told(0) == []
    assert told(0, loss=3 * 2.3) == []
    assert told(0, ratios={"the weight of layers.0 (Dense)": 2.0}) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"updates": 0, "loss": 23.0},
            "far from ln(classes) in the network: the loss starts at 23, and the chance "
            "level is 2.3. Try: samples that are normalised, or smaller initial weights, such "
            "as HeNormal's",
        ),
        (
            {"dead": {"layers.1 (ReLU)": (6, 8), "layers.3 (ReLU)": (8, 8)}},
            "dead ReLUs in layers.3 (ReLU): 8 of 8 units are 0 for a whole batch, and 1 other "
            "layer so. Try: a smaller learning rate, biases that start at 0, or LeakyReLU",
        ),
        (
            {"saturated": {"layers.4 (Tanh)": 0.51}},
            "saturation in layers.4 (Tanh): 51 % of the outputs are at the ends of the range. Try: "
            "smaller initial weights, or BatchNorm before it",
        ),
        (
            {
                "gradients": {
                    "the input of layers.9 (Dense)": 0.2,
                    "the input of layers.1 (ReLU)": 0,
                }
            },
            "vanishing gradient in the input of layers.1 (ReLU): its norm is 0.0e+00, and 2.0e-01 "
            "is that of the input of layers.9 (Dense). Try: ReLU in place of saturating "
            "activations, BatchNorm or Residual, HeNormal weights",
        ),
        (
            {
                "gradients": {
                    "the input of layers.9 (Dense)": 0.1,
                    "the input of layers.1 (ReLU)": 3e4,
                }
            },
            "exploding gradient in the input of layers.1 (ReLU): its norm is 3.0e+04, and 1.0e-01 "
            "is that of the input of layers.9 (Dense). Try: smaller initial weights, BatchNorm, or "
            "clip_norm=1.0",
        ),
        (
            {"factor": 10.0},
            "large updates in the weight of layers.5 (Dense): an update is 1.5 times as long as "
            "the weights. Try: a learning rate of a tenth",
        ),
        (
            {"ratios": {"the weight of layers.5 (Dense)": 5.5}, "decay": 5.0},
            "large updates in the weight of layers.5 (Dense): an update is 5.5 times as long as "
            "the weights. Try: a smaller weight_decay, which is the larger part of it",
        ),
        (
            {"losses": [2.5, 2.49, 2.48, 2.6]},
            "a loss that has not fallen in the network: 2.5 in epoch 1, and 2.6 in epoch 4. Try: "
            "overfit_one_batch, then samples and labels that belong together",
        ),
        (
            {"ratios": {"the weight of layers.0 (Dense)": 2e-6}},
            "small updates in the weight of layers.0 (Dense): an update is 2e-06 times as long as "
            "the weights, in others less. Try: a learning rate of ten times",
        ),
        (
            {"equal": ["the weight of layers.0 (Dense)"]},
            "equal weights in the weight of layers.0 (Dense): all elements are the same in 1 of "
            "the weights, so all units stay alike. Try: initial weights that are drawn: HeNormal",
        ),
        (
            {"decided": (31, 1)},
            "class collapse in the network: 31 of 32 samples are taken for class 0; 16 are. Try: "
            "the learning rate that find_lr suggests",
        ),
        (
            {"present": 1},
            "one class in the labels: all are of 1 class. Try: samples of other classes too",
        ),
    ],
)
def test_a_finding_has_place_number_and_advice(changes: dict[str, Any], text: str) -> None:
    assert told(**changes) == [f"health: {text}"]


def test_what_is_no_sickness() -> None:
    assert told(factor=0.01) == []  # a schedule that ends
    assert told(loss=1.0, ratios={"w": 1e-9}) == []  # learnt
    assert told(0, ratios={"w": 1e-9}) == []  # a warm-up
    assert told(20, decided=(32, 0)) == []  # a beginning
    assert told(decided=(32, 0), labelled=(31, 1)) == []  # a rare class
    assert told(decided=(4, 0), labelled=(2, 2)) == []  # few samples
    assert told(0, equal=["the weight of layers.5 (Dense)"]) == []  # a last layer begun with zeros
    assert told(expected=None, loss=1e9, ratios={"w": 1e-9}) == []  # another loss
    assert told(losses=[2.5, 2.4, 2.5, 2.5]) == []  # fallen once
    assert told(losses=[2.5, 2.5, 2.5]) == []  # few epochs
    assert told(49, losses=[2.5] * 4) == []  # few updates
    assert told(loss=1.0, losses=[1.0] * 4) == []  # learnt before
    assert told(expected=None, losses=[2.5] * 4) == []  # another loss


def test_a_warm_up_to_the_end_of_the_run() -> None:
    assert warm_up(Warmup(79), 80) == warm_up(Warmup(0.9), 80) == warm_up(Step(90), 80) == []
    (found,) = warm_up(Warmup(1000), 80)
    assert str(found) == (
        "health: too long a warm-up in the schedule: it takes 1,000 updates, and the run has 80. "
        "Try: warmup=0.1, a tenth of the run"
    )


def test_what_follows_from_a_cause_is_not_told_beside_it() -> None:
    dead = {"layers.1 (ReLU)": (8, 8)}
    gone = {"the input of layers.5 (Dense)": 0.2, "the input of layers.1 (ReLU)": 0.0}
    assert len(told(dead=dead, gradients=gone, ratios={"w": 0.0})) == 1


def test_each_kind_and_layer_is_told_once() -> None:
    history = History()
    for where, count, times in (("a", 6, 1), ("a", 8, 0), ("b", 6, 1)):
        found = findings(HEALTHY._replace(dead={where: (count, 8)}), 200)
        fresh = [str(finding) for finding in new(found, history)]
        assert len(fresh) == times
        history.notes += fresh


def figures(library: Any, layers: list[Layer], x: Any, labels: Any, dtype: str) -> Figures:
    """Return what a probed step finds before the first update, at a learning rate of 1."""
    x = numpy.asarray(x, dtype)
    model = Model(layers, input_shape=x.shape[1:], backend=library, dtype=dtype)
    options = TrainingOptions(optimizer=SGD(1.0), batch_size=len(x))
    to_device = model.backend.from_host
    channels = (numpy.zeros(x.shape[1], dtype), numpy.ones(x.shape[1], dtype))
    samples = Samples(to_device(x), to_device(numpy.asarray(labels)), *map(to_device, channels))
    recipe = recipe_for(model.network, options, 0)
    start = beginning(recipe, model.network)
    update = next(Updates(model.network, samples, options, 0).epoch(1, 0, []))
    return measured(model.network, recipe, start, update, samples.labels)


class Rows:
    """An initializer that gives a matrix."""

    def __init__(self, *rows: tuple[float, ...]) -> None:
        self.rows = rows

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return numpy.asarray(self.rows, numpy.float32)


def test_figures_of_a_case_computed_by_hand(lib: Lib) -> None:
    """x = 1, of two samples: z = (1, -1) for both, h = (1, 0), scores = (1, 0), and so class 0."""
    layers: list[Layer] = [
        Dense(2, weight_init=Rows((1, -1), (1, -1))),
        ReLU(),
        Dense(2, weight_init=Rows((1, 0), (0, 1))),
    ]
    seen = figures(lib.backend, layers, [[1, 0], [0, 1]], [0, 1], "float64")
    p = 1 / (1 + math.exp(-1))
    q = 1 - p  # dscores = (-q, q)/2 and (p, -p)/2, in some order
    assert seen.loss == pytest.approx(-(math.log(p) + math.log(q)) / 2)
    assert seen.expected == math.log(2)
    assert seen.dead == {"layers.1 (ReLU)": (1, 2)}
    assert seen.gradients == {
        "the input of layers.2 (Dense)": pytest.approx(math.sqrt((p * p + q * q) / 2)),
        "the input of layers.1 (ReLU)": pytest.approx(math.sqrt((p * p + q * q) / 4)),
    }
    assert seen.ratios == {
        "the weight of layers.0 (Dense)": pytest.approx(math.sqrt((p * p + q * q) / 4) / 2),
        "the weight of layers.2 (Dense)": pytest.approx((p - q) / 2),
    }
    assert (seen.decided, seen.labelled, seen.present) == ((2, 0), (1, 1), 2)
    assert seen.saturated == {}
    assert seen.equal == []


def test_figures_of_sigmoids_and_equal_weights(lib: Lib) -> None:
    layers: list[Layer] = [
        Dense(2, weight_init=Rows((9, 0.1))),
        Sigmoid(),
        Tanh(),
        Dense(2, weight_init=Constant(9.0)),
        Tanh(),
    ]
    seen = figures(lib.backend, layers, [[1.0], [-1.0]], [1, 1], "float32")
    assert seen.saturated == {
        "layers.1 (Sigmoid)": 0.5,
        "layers.2 (Tanh)": 0.0,
        "layers.4 (Tanh)": 1.0,
    }
    assert seen.equal == ["the weight of layers.3 (Dense)"]
    assert seen.present == 1


class Own:
    """A container that is no dataclass, in which no layer is watched."""

    def __init__(self, inner: Layer) -> None:
        self.inner = inner

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params, buffers, out = self.inner.init(shape, draw.at("inner"))
        return {"inner": params}, {"inner": buffers}, out

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, own, back = self.inner.forward(params["inner"], buffers["inner"], x, ctx.at("inner"))

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, grads = back(dy, want_dx)
            return dx, {"inner": grads}

        return y, {"inner": own}, pullback


def test_figures_of_a_container_of_your_own() -> None:
    seen = figures("numpy", [Own(Dense(2))], [[1.0], [-1.0]], [0, 1], "float32")
    assert list(seen.ratios) == ["the weight of layers.0.inner"]


def test_the_loss_of_knowing_nothing() -> None:
    assert expected_loss(SoftmaxCrossEntropy(), 10) == math.log(10)
    assert expected_loss(BCEWithLogits(), 10) == math.log(2)
    assert expected_loss(MSE(), 10) is None


def dense(activation: type[Layer] = ReLU, depth: int = 2, **options: Any) -> list[Layer]:
    hidden = [layer for _ in range(depth) for layer in (Dense(32, **options), activation())]
    return [Flatten(), *hidden, Dense(10, **options)]


def heard(
    layers: list[Layer], optimizer: Optimizer, classes: int = 10, **options: Any
) -> list[str]:
    """Return the kinds of findings in a training of 4 epochs of 20 updates."""
    data = digits(320)
    labels = data.labels % classes
    model = Model(layers, input_shape=(1, 8, 8))
    history = model.fit(
        (data.images, labels), epochs=4, batch_size=16, optimizer=optimizer, health=True, **options
    )
    return [note.removeprefix("health: ").partition(" in ")[0] for note in history.notes]


WELL = SGD(0.05, momentum=0.9)


@pytest.mark.parametrize(
    ("layers", "optimizer", "kinds"),
    [
        (dense(), SGD(5.0, momentum=0.9), {"dead ReLUs", "class collapse"}),
        (dense(Tanh), SGD(50.0), {"large updates", "saturation"}),
        (dense(), SGD(5e-7), {"small updates"}),
        (dense(bias_init=Constant(-10.0)), WELL, {"dead ReLUs", "class collapse"}),
        (dense(Tanh, weight_init=Zeros()), WELL, {"equal weights", "class collapse"}),
        (dense(Sigmoid, 12), WELL, {"vanishing gradient", "class collapse"}),
        (dense(Tanh, 4, weight_init=Normal(std=2.0)), WELL, {"far from ln(classes)", "saturation"}),
        (dense(weight_init=Normal(std=9.0)), SGD(1e-9), {"far from ln(classes)"}),
    ],
)
def test_sick_networks_are_named(
    layers: list[Layer], optimizer: Optimizer, kinds: set[str]
) -> None:
    assert kinds <= set(heard(layers, optimizer))


def test_a_warm_up_in_which_nothing_is_learnt_is_named() -> None:
    kinds = heard(dense(), WELL, warmup=10_000_000)
    assert kinds == ["too long a warm-up", "a loss that has not fallen"]


def test_too_much_weight_decay_is_named() -> None:
    model = Model(dense(), input_shape=(1, 8, 8))
    optimizer = SGD(0.05, weight_decay=100.0)
    (note,) = model.fit(digits(32), optimizer=optimizer, max_steps=1, health=True).notes
    assert note.startswith("health: large updates in ")
    assert note.endswith("Try: a smaller weight_decay, which is the larger part of it")


def test_labels_of_one_class_are_named() -> None:
    assert heard(dense(), WELL, classes=1) == ["one class"]


@pytest.mark.parametrize(
    ("layers", "optimizer"),
    [
        (dense(), WELL),
        (dense(), RMSprop(0.01)),
        (dense(Tanh), Adam(0.01)),
        (dense(Sigmoid, 1), WELL),
        ([Conv2D(8, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(10)], Adam(0.01)),
    ],
)
def test_healthy_networks_hear_nothing(layers: list[Layer], optimizer: Optimizer) -> None:
    assert heard(layers, optimizer) == []


def test_a_look_changes_no_bit() -> None:
    weights, history = trained(health=True)
    assert (weights, test_resume.figures(history)) == straight()


class Looks:
    """Stands for `measured`, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *_: Any) -> Figures:
        self.count += 1
        return HEALTHY


class AtEpochs(Callback):
    def __init__(self, looks: Looks) -> None:
        self.looks, self.counts = looks, [0]

    def on_epoch_start(self, epoch: int) -> None:
        self.counts.append(self.looks.count)


def test_looks_are_at_the_start_and_after_epochs_1_2_4_8(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks()
    monkeypatch.setattr("xpcnn.training.health_notes.measured", looks)
    at = AtEpochs(looks)
    Model(dense(), input_shape=(1, 8, 8)).fit(digits(16), epochs=9, health=True, callbacks=[at])
    assert at.counts == [0, 1, 2, 3, 3, 4, 4, 4, 4, 5]
    Model(dense(), input_shape=(1, 8, 8)).fit(digits(16), epochs=1)
    assert looks.count == 5


def test_a_resumed_run_is_told_the_same(tmp_path: Path) -> None:
    def notes(**options: Any) -> list[str]:
        model = Model(dense(bias_init=Constant(-10.0)), input_shape=(1, 8, 8))
        history = model.fit(digits(80), epochs=4, batch_size=16, health=True, **options)
        return [note for note in history.notes if note.startswith("health: ")]

    checkpoints = Checkpoints(tmp_path / "new")
    with pytest.raises(KeyboardInterrupt):
        notes(checkpoints=checkpoints, callbacks=[InterruptAfter(8)])
    assert notes(checkpoints=checkpoints, resume=True) == notes()


def test_notes_reach_callbacks() -> None:
    class Listener(Callback):
        heard: list[str] = []  # noqa: RUF012

        def on_note(self, text: str) -> None:
            self.heard.append(text)

    history = Model(dense(bias_init=Constant(-10.0)), input_shape=(1, 8, 8)).fit(
        digits(16), epochs=1, health=True, callbacks=[Listener()]
    )
    assert Listener.heard == history.notes
    assert len(history.notes) == 1
    assert xpcnn.training.History().notes == []
