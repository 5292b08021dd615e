"""The health of a network in training, in plain words: findings from a few figures.

Functions of numbers; `health_probe.measured` takes the figures from a step. A network that
trains well has no findings: the limits are wide. "Reaches" below is the largest value of all
presets, each trained with its own options.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xpcnn.training.history import History

START = 3.0
"""Times ln(classes). Scores that a network with He's weights begins with give up to 1.8."""

DEAD = 2 / 3
"""Share of a layer's units that are 0 for a whole batch. It reaches 0.40, and 0.6 in batches of 16:
some units only wait for rarer samples."""

SATURATED = 0.5
"""Share of a layer's outputs at the ends of their range. It reaches 0.16."""

FADING, GROWING = 1e-3, 1e3
"""Norm of the gradient where a network begins, in parts of that where it ends. Initial weights are
made to keep it (Glorot and Bengio, 2010); it lies between 0.05 and 2.5."""

SMALL, LARGE, FIRST = 1e-4, 0.15, 2.0
"""Norm of an update in parts of that of the weights, FIRST that of the first update. About 1e-3 is
the rule of thumb, 1e-4 little and 1e-2 much (Karpathy, "CS231n: learning"); but with momentum and
high rates it reaches 0.09, and 1.6 in the first of RMSprop and Adam, whose averages begin there."""

COLLAPSED = 0.95
"""Share of a batch that is predicted as one class."""

FEW = 16
"""Samples of a batch below which that share means nothing."""

SETTLED = 50
"""Updates before which a collapse to one class is not reported."""

LEARNT = 0.5
"""Times ln(classes): with a smaller loss, updates may well be small."""

EPOCHS, FALLEN = 4, 0.99
"""After EPOCHS epochs the loss should have dropped below FALLEN times that of the first."""


RANGES = {
    "ReLU": "are never below 0",
    "ReLU6": "lie between 0 and 6",
    "Softplus": "are never below 0",
    "Sigmoid": "lie between 0 and 1",
    "HardSigmoid": "lie between 0 and 1",
    "Softmax": "lie between 0 and 1",
    "Tanh": "lie between -1 and 1",
    "Softsign": "lie between -1 and 1",
}
"""Activations that cannot give every score, and what they give."""


class Figures(NamedTuple):
    """Figures of one batch and its update.

    loss: of the batch.
    expected: the loss at chance level; None where it is not known.
    dead: by ReLU layer, the number of units (channels) that are 0 for every sample, and of all.
    saturated: by sigmoid or tanh layer, the share of its outputs at the ends of the range.
    gradients: the norm of the loss gradient at the input of each layer, the last layer first.
    ratios: by weight, the norm of the update at the optimizer's own rate over that of the weight;
        without weights of norm 0; none where the update was skipped for the loss scale.
    equal: the weights all of whose elements are equal.
    decided, labelled: number of samples by class, as predicted and as labelled; empty if targets
        are not classes.
    present: number of classes among all training samples; None if targets are not classes.
    decay: the share of a weight that weight decay subtracts at the optimizer's own rate.
    """

    loss: float
    expected: float | None
    dead: dict[str, tuple[int, int]]
    saturated: dict[str, float]
    gradients: dict[str, float]
    ratios: dict[str, float]
    equal: Sequence[str]
    decided: Sequence[int]
    labelled: Sequence[int]
    present: int | None
    decay: float = 0.0


class Finding(NamedTuple):
    """One problem of training: its kind and place, the figure that shows it, and one suggestion."""

    kind: str
    where: str
    figure: str
    advice: str

    @property
    def heading(self) -> str:
        """Kind and place without the figure; equal for the same problem found later."""
        return f"health: {self.kind} in {self.where}:"

    def __str__(self) -> str:
        return f"{self.heading} {self.figure}. Try: {self.advice}"


def findings(
    figures: Figures, updates: int, factor: float = 1.0, losses: Sequence[float] = ()
) -> list[Finding]:
    """Return the problems after `updates` updates, causes before their possible effects.

    Of several layers with the same problem the worst is named, with the number of the others.

    Args:
        figures: of a batch now.
        updates: number of updates done.
        factor: the schedule's current factor of the optimizer's own rate.
        losses: of training, by epoch.
    """
    causes = [
        _one_class(figures),
        _start_loss(figures) if updates == 0 else _equal(figures),
        _large_updates(figures, factor, FIRST if updates == 0 else LARGE),
        _saturated(figures),
        # behind dead units no gradient is left, and weights that are all 0 leave no unit alive
        None if figures.equal else _dead(figures) or _gradients(figures),
    ]
    found = [finding for finding in causes if finding is not None]
    if updates >= SETTLED and (collapse := _collapse(figures)) is not None:
        found.append(collapse)
    if updates > 0 and not found and (small := _small_updates(figures)) is not None:
        found.append(small)
    if updates >= SETTLED and not found and (stuck := _not_fallen(figures, losses)) is not None:
        found.append(stuck)
    return found


def activation_at_the_end(last: str) -> list[Finding]:
    """Return a finding if a network of free scores ends with an activation that cannot give all.

    last: type of the last layer.
    """
    if last not in RANGES:
        return []
    figure = f"scores {RANGES[last]}, and the loss is made for all numbers"
    return [Finding("an activation at the end", f"the last layer ({last})", figure, "without it")]


def new(found: Sequence[Finding], history: History) -> Iterator[Finding]:
    """Yield the findings that are not among the notes of a history."""
    for finding in found:
        if not any(note.startswith(finding.heading) for note in history.notes):
            yield finding


def _start_loss(f: Figures) -> Finding | None:
    if f.expected is None or f.loss <= START * f.expected:
        return None
    figure = f"the loss starts at {f.loss:.3g}, and the chance level is {f.expected:.3g}"
    advice = "samples that are normalised, or smaller initial weights, such as HeNormal's"
    return Finding("far from ln(classes)", "the network", figure, advice)


def _collapse(f: Figures) -> Finding | None:
    samples, most = sum(f.decided), max(f.decided, default=0)
    if samples < FEW or most < COLLAPSED * samples or max(f.labelled) >= COLLAPSED * samples:
        return None
    chosen = f.decided.index(most)
    figure = f"{most} of {samples} samples are predicted as class {chosen}, the class of "
    figure += f"{f.labelled[chosen]}"
    advice = "the learning rate that find_lr suggests"
    return Finding("class collapse", "the network", figure, advice)


def _one_class(f: Figures) -> Finding | None:
    if f.present is None or f.present > 1:
        return None
    return Finding("one class", "the labels", "all are of 1 class", "samples of other classes too")


def _equal(f: Figures) -> Finding | None:
    if not f.equal:
        return None
    figure = f"all elements are the same in {len(f.equal)} of the weights, so all units stay alike"
    return Finding("equal weights", f.equal[0], figure, "initial weights that are drawn: HeNormal")


def _dead(f: Figures) -> Finding | None:
    shares = {where: count / units for where, (count, units) in f.dead.items()}
    bad = _beyond(shares, DEAD)
    if bad is None:
        return None
    where, others = bad
    count, units = f.dead[where]
    figure = f"{count} of {units} units are 0 for a whole batch{others}"
    advice = "a smaller learning rate, biases that start at 0, or LeakyReLU"
    return Finding("dead ReLUs", where, figure, advice)


def _saturated(f: Figures) -> Finding | None:
    bad = _beyond(f.saturated, SATURATED)
    if bad is None:
        return None
    where, others = bad
    figure = f"{100 * f.saturated[where]:.0f} % of the outputs are at the ends of the range{others}"
    return Finding("saturation", where, figure, "smaller initial weights, or BatchNorm before it")


def _gradients(f: Figures) -> Finding | None:
    """Compare the gradient where the network begins with that where it ends."""
    if len(f.gradients) < 2:
        return None
    (last, end), *_, (first, begin) = f.gradients.items()
    figure = f"its norm is {begin:.1e}, and that of {last} is {end:.1e}"
    if begin < FADING * end:
        advice = "ReLU in place of saturating activations, BatchNorm or Residual, HeNormal weights"
        return Finding("vanishing gradient", first, figure, advice)
    if begin > GROWING * end > 0.0:
        advice = "smaller initial weights, BatchNorm, or clip_norm=1.0"
        return Finding("exploding gradient", first, figure, advice)
    return None


def _large_updates(f: Figures, factor: float, limit: float) -> Finding | None:
    ratios = {path: factor * ratio for path, ratio in f.ratios.items()}
    bad = _beyond(ratios, limit)
    if bad is None:
        return None
    where, others = bad
    figure = f"the norm of an update is {ratios[where]:.2g} times that of the weights{others}"
    if factor * f.decay > ratios[where] / 2.0:
        advice = "a smaller weight_decay, which is the larger part of it"
    else:
        advice = "a tenth of the learning rate"
    return Finding("large updates", where, figure, advice)


def _small_updates(f: Figures) -> Finding | None:
    """Find that no weight moves while the loss is high; single weights may be frozen or slow."""
    if f.expected is None or f.loss < LEARNT * f.expected or not f.ratios:
        return None
    where = max(f.ratios, key=f.ratios.__getitem__)
    if f.ratios[where] >= SMALL:
        return None
    figure = (
        f"the norm of an update is {f.ratios[where]:.2g} times that of the weights, less in others"
    )
    return Finding("small updates", where, figure, "ten times the learning rate")


def _not_fallen(f: Figures, losses: Sequence[float]) -> Finding | None:
    """Find a loss that has not fallen, where there is no other finding."""
    if f.expected is None or f.loss < LEARNT * f.expected or len(losses) < EPOCHS:
        return None
    if min(losses[1:]) < FALLEN * losses[0]:
        return None
    figure = f"{losses[0]:.3g} in epoch 1, and {losses[-1]:.3g} in epoch {len(losses)}"
    advice = "overfit_one_batch, then samples and labels that belong together"
    return Finding("a loss that has not fallen", "the network", figure, advice)


def _beyond(values: dict[str, float], limit: float) -> tuple[str, str] | None:
    """Return the place of the value furthest above the limit, and in words the number of others."""
    beyond = [where for where, value in values.items() if value > limit]
    if not beyond:
        return None
    others = len(beyond) - 1
    words = f", also in {others} other layer{'s'[: others > 1]}" if others else ""
    return max(beyond, key=values.__getitem__), words
