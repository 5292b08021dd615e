"""What a run says of the health of its network, and when: findings that are new to its history."""

from collections.abc import Iterator

import numpy

from xpcnn.errors import HealthWarning, warn_user
from xpcnn.network import Network
from xpcnn.training.curves import guessing_loss, jump, overfitting
from xpcnn.training.health import Finding, findings, new, warm_up
from xpcnn.training.history import History
from xpcnn.training.measure import checkup
from xpcnn.training.step import Progress, Recipe
from xpcnn.training.updates import Course


class HealthNotes:
    """The notes of one run, for a person to read; see `Model.fit` for the values of `health`.

    labels: those of the training part, on the host; validated: samples of the validation part.
    """

    def __init__(
        self,
        health: bool | None,
        network: Network,
        recipe: Recipe,
        course: Course,
        labels: numpy.ndarray,
        validated: int,
    ) -> None:
        self.health, self.network, self.recipe, self.course = health, network, recipe, course
        self.chance = guessing_loss(network.loss, labels, network.output_shape[0])
        self.validated = validated

    def on_epochs(self, history: History, ended: bool) -> Iterator[str]:
        """Yield what the figures of the epochs show by themselves, after each of them.

        ended: whether this epoch is the last.
        """
        if self.health is False:
            return
        for text in _new(jump(history.epochs, self.chance, ended), history):
            yield text
            if self.health is None:
                warn_user(text, HealthWarning)
        if self.health and self.validated:
            yield from _new(overfitting(history.epochs, self.validated), history)

    def on_network(self, history: History, progress: Progress, updates: int) -> Iterator[str]:
        """Yield what a look at the network shows: at the start, after epochs 1, 2, 4, 8, ...

        progress: the state after so many `updates`.
        """
        epoch, losses = len(history), history.losses()
        if not self.health or epoch & (epoch - 1):
            return
        course = self.course
        update = next(course.epoch(max(epoch, 1), 0, losses))
        figures = checkup(self.network, self.recipe, progress, update, course.train.labels)
        factor = course.factor(max(updates - 1, 0), losses)
        found = findings(figures, updates, factor, history["loss"])
        found += warm_up(course.options.whole_schedule(), course.total)
        yield from map(str, new(found, history))


def _new(found: Finding | None, history: History) -> list[str]:
    return [str(finding) for finding in new([] if found is None else [found], history)]
