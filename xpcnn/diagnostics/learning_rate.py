"""Finding a learning rate by a short training in which the rate rises.

Source: Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from xpcnn.config.training_options import TrainingOptions, overridden
from xpcnn.diagnostics.prepare import prepared
from xpcnn.errors import ConfigError, hint
from xpcnn.inputs import Data
from xpcnn.markup import ShownAsText
from xpcnn.model import Model
from xpcnn.model_arguments import check_seed
from xpcnn.options import check_count
from xpcnn.training.last_batch import check_last_batch
from xpcnn.training.progress import beginning
from xpcnn.training.recipe import recipe_for
from xpcnn.training.step import training_step
from xpcnn.training.updates import Update, Updates

_MEAN = 10  # updates over which the loss is smoothed, about
_SMOOTHING = 1.0 - 1.0 / _MEAN  # weight of the losses before
_ENOUGH = 4.0  # times the least loss: training has diverged
_FALL = 0.01  # a smaller part of the loss is noise
_WIDTH, _HEIGHT = 64, 12  # of the plot, in characters


@dataclass(frozen=True)
class LrSearch(ShownAsText):
    """The result of `find_lr`; print it for a small plot.

    rates: the learning rates that were tried, in rising order.
    losses: the smoothed loss at each rate.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def suggestion(self) -> float | None:
        """A rate to train with: the smaller of that at which the loss falls most over 10 updates
        and a tenth of that with the least loss. None if the loss never falls."""
        return suggest(self.rates, self.losses)

    def __str__(self) -> str:
        if self.suggestion is None:
            finding = "no learning rate made the loss fall"
        else:
            finding = f"suggestion: {self.suggestion:.2g}"
        title = f"loss by learning rate{'' if self.suggestion is None else ', ^ the suggestion'}"
        return f"{title}\n{_plot(self.rates, self.losses, self.suggestion)}\n{finding}"


def find_lr(
    model: Model,
    data: Data,
    training: TrainingOptions | None = None,
    *,
    updates: int = 100,
    lowest: float = 1e-7,
    highest: float = 10.0,
    seed: int | None = None,
    **options: Any,
) -> LrSearch:
    """Train with a learning rate that rises by the same factor after every update.

    Ends early where the smoothed loss exceeds 4 times its minimum. The model stays unchanged.

    Args:
        model: any model.
        data, training, seed, options: as in `Model.fit`; schedule, epochs and limits are ignored.
        updates: number of updates, on successive batches, at least 1.
        lowest, highest: learning rates of the first and the last update, 0 < lowest < highest.

    Returns:
        rates and losses; `suggestion` is a rate to train with. Print the result for a plot.

    Raises:
        ConfigError: a value is out of range.
    """
    check_count("updates", updates)
    if not 0.0 < lowest < highest < math.inf:
        message = f"rates from {lowest:g} to {highest:g}, expected two above 0 that rise"
        raise ConfigError(hint(message, "lowest=1e-7, highest=10.0"))
    chosen = overridden(training, options)
    seed = model.seed if seed is None else check_seed(seed)
    network, samples = prepared(model, data)
    recipe = recipe_for(network, chosen, seed)
    to_device = network.backend.from_host
    all_updates = Updates(network, samples, chosen, seed)
    check_last_batch(network, len(samples), chosen)
    rates, losses = numpy.geomspace(lowest, highest, updates).tolist(), []
    progress = beginning(recipe, network)
    with network.backend.session(), numpy.errstate(all="ignore"):  # divergence ends the search
        smoothed, least = 0.0, math.inf
        for i, (rate, update) in enumerate(zip(rates, _endless(all_updates), strict=False), 1):
            progress = progress.with_zero_sums()
            lr = to_device(numpy.asarray(rate, network.dtype))
            progress = training_step(recipe, progress, *update._replace(lr=lr))
            loss = float(progress.loss_sum) / sum(x.shape[0] for x, _ in update.batches)
            smoothed = _SMOOTHING * smoothed + (1.0 - _SMOOTHING) * loss
            unbiased = smoothed / (1.0 - _SMOOTHING**i)
            if not math.isfinite(unbiased) or unbiased > _ENOUGH * least:
                break
            least = min(least, unbiased)
            losses.append(unbiased)
    return LrSearch(tuple(rates[: len(losses)]), tuple(losses))


def suggest(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """Return the suggestion of a search; see `LrSearch`.

    The rates rise by equal factors, so that a fall over the same number of updates is one over the
    same part of the logarithm of the rate. It is taken over as many updates as the loss is smoothed
    over, a fifth of a short search, and the first ones only begin the mean: between neighbours, and
    in means of few losses, the steepest fall is often the noise of a batch.
    """
    width = max(1, min(_MEAN, len(losses) // 5))
    rates, losses = rates[width - 1 :], losses[width - 1 :]
    if not losses:
        return None
    least = min(range(len(losses)), key=losses.__getitem__)
    if losses[least] > (1.0 - _FALL) * losses[0]:
        return None
    steepest = min(range(1, least + 1), key=lambda i: losses[i] - losses[max(i - width, 0)])
    middle = max(steepest - width // 2, 0)
    return min(rates[middle], rates[least] / 10.0)


def _endless(updates: Updates) -> Iterator[Update]:
    """Yield the updates of endless epochs."""
    for epoch in itertools.count(1):
        yield from updates.epoch(epoch, 0, [])


def _plot(rates: Sequence[float], losses: Sequence[float], mark: float | None) -> str:
    """Return a plot of losses over rates as text, with `mark` as ^ on the axis."""
    if not losses:
        return "no loss was finite"
    columns = min(_WIDTH, len(losses))
    shown = [losses[i * len(losses) // columns] for i in range(columns)]
    low, high = min(shown), max(shown)
    rows = [round((high - y) / ((high - low) or 1.0) * (_HEIGHT - 1)) for y in shown]
    lines = []
    for row in range(_HEIGHT):
        label = {0: f"{high:8.3g}", _HEIGHT - 1: f"{low:8.3g}"}.get(row, " " * 8)
        line = "".join("*" if own == row else " " for own in rows)
        lines.append(f"{label} | {line}".rstrip())
    column = -1 if mark is None else sum(rate < mark for rate in rates) * columns // len(rates)
    lines.append(" " * 9 + "+-" + "".join("^" if i == column else "-" for i in range(columns)))
    first, last = f"{rates[0]:.1g} ", f"{rates[-1]:.1g}"
    return "\n".join([*lines, " " * 11 + first + last.rjust(columns - len(first))])
