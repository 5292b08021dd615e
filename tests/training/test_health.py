"""What figures of a training step say: each problem with its place, a number and advice."""

from collections.abc import Sequence
from typing import Any

import pytest

from xpcnn.schedules import MultiStep, OneCycle, Step, Warmup
from xpcnn.training import History, TrainingOptions
from xpcnn.training.health import Figures, findings, new
from xpcnn.training.lengths import after_the_end

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
            "dead ReLUs in layers.3 (ReLU): 8 of 8 units are 0 for a whole batch, also in 1 "
            "other layer. Try: a smaller learning rate, biases that start at 0, or LeakyReLU",
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
            "vanishing gradient in the input of layers.1 (ReLU): its norm is 0.0e+00, and that "
            "of the input of layers.9 (Dense) is 2.0e-01. Try: ReLU in place of saturating "
            "activations, BatchNorm or Residual, HeNormal weights",
        ),
        (
            {
                "gradients": {
                    "the input of layers.9 (Dense)": 0.1,
                    "the input of layers.1 (ReLU)": 3e4,
                }
            },
            "exploding gradient in the input of layers.1 (ReLU): its norm is 3.0e+04, and that "
            "of the input of layers.9 (Dense) is 1.0e-01. Try: smaller initial weights, BatchNorm, "
            "or clip_norm=1.0",
        ),
        (
            {"factor": 10.0},
            "large updates in the weight of layers.5 (Dense): the norm of an update is 1.5 "
            "times that of the weights. Try: a tenth of the learning rate",
        ),
        (
            {"ratios": {"the weight of layers.5 (Dense)": 5.5}, "decay": 5.0},
            "large updates in the weight of layers.5 (Dense): the norm of an update is 5.5 "
            "times that of the weights. Try: a smaller weight_decay, which is the larger part of "
            "it",
        ),
        (
            {"losses": [2.5, 2.49, 2.48, 2.6]},
            "a loss that has not fallen in the network: 2.5 in epoch 1, and 2.6 in epoch 4. Try: "
            "overfit_one_batch, then samples and labels that belong together",
        ),
        (
            {"ratios": {"the weight of layers.0 (Dense)": 2e-6}},
            "small updates in the weight of layers.0 (Dense): the norm of an update is 2e-06 "
            "times that of the weights, less in others. Try: ten times the learning rate",
        ),
        (
            {"equal": ["the weight of layers.0 (Dense)"]},
            "equal weights in the weight of layers.0 (Dense): all elements are the same in 1 of "
            "the weights, so all units stay alike. Try: initial weights that are drawn: HeNormal",
        ),
        (
            {"decided": (31, 1)},
            "class collapse in the network: 31 of 32 samples are predicted as class 0, the class "
            "of 16. Try: the learning rate that find_lr suggests",
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
    dead = {"layers.1 (ReLU)": (9, 9)}
    zeros = ["the weight of layers.0 (Dense)"]
    assert told(0, equal=zeros, dead=dead, gradients={"b": 1.0, "a": 0.0}) == []  # as those begin
    (only,) = told(20, equal=zeros, dead=dead)  # the cause
    assert "equal weights" in only
    assert told(expected=None, loss=1e9, ratios={"w": 1e-9}) == []  # another loss
    assert told(losses=[2.5, 2.4, 2.5, 2.5]) == []  # fallen once
    assert told(losses=[2.5, 2.5, 2.5]) == []  # few epochs
    assert told(49, losses=[2.5] * 4) == []  # few updates
    assert told(loss=1.0, losses=[1.0] * 4) == []  # learnt before
    assert told(expected=None, losses=[2.5] * 4) == []  # another loss


def late(per_epoch: int = 80, **options: Any) -> list[str]:
    return [str(found) for found in after_the_end(TrainingOptions(**options), 80, per_epoch)]


def test_what_begins_after_the_end_of_the_run() -> None:
    assert late(warmup=79) == late(warmup=0.9) == late(schedule=Step(79)) == late() == []
    assert late(schedule=MultiStep((0.5, 79))) == late(schedule=OneCycle(79)) == []
    assert late(20, freeze=["a"], unfreeze_after=3) == []
    (found,) = late(warmup=1000)
    assert found == (
        "health: too long a warm-up in the schedule: it takes 1,000 updates, and the run has 80. "
        "Try: warmup=0.1, a tenth of the run"
    )
    assert late(schedule=Warmup(1000)) == [found]
    for schedule in (Step(90), MultiStep((10, 90)), OneCycle(90)):
        name = type(schedule).__name__
        changes = f"{name} changes the rate after 90 updates, and the run has"
        start, advice = "health: too long a length in the schedule:", "Try: fractions of the run"
        (found,) = late(schedule=schedule)
        assert found.startswith(f"{start} {changes} 80. {advice}")
        (found,) = late(schedule=schedule, warmup=8)
        assert found.startswith(f"{start} {changes} 72 after its warm-up. {advice}")
    assert late(20, swa=4, max_steps=80) == []
    (found,) = late(20, swa=5)  # of 10 epochs, but for max_steps
    assert found.startswith("health: too late an average in the options: the run has 4 epochs, so")
    (found,) = late(20, freeze=["a"], unfreeze_after=4)
    assert found == (
        "health: too late an end of freezing in the options: the run has 4 epochs, so that nothing "
        "is unfrozen after epoch 4. Try: a smaller unfreeze_after, or leave it out"
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
