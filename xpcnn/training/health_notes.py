"""Notes on the health of a network in training: findings that the history does not have yet."""

from xpcnn.errors import HealthWarning, warn_user
from xpcnn.layers.rebuilding import last_layer
from xpcnn.losses import BCEWithLogits, Focal, SoftmaxCrossEntropy
from xpcnn.samples import Samples
from xpcnn.training.curve_findings import guessing_loss, jump, overfitting
from xpcnn.training.health import Finding, activation_at_the_end, findings, new
from xpcnn.training.health_probe import measured
from xpcnn.training.lengths import after_the_end
from xpcnn.training.run_state import RunState

LOGITS = (SoftmaxCrossEntropy, BCEWithLogits, Focal)
"""Losses of scores that may be any numbers."""


class HealthNotes:
    """Notes the problems of one run; see `Model.fit` for the values of `health`.

    Of a group of processes, the first checks the network on whole batches.
    """

    def __init__(self, health: bool | None, state: RunState, validation: Samples | None) -> None:
        self.health, self.state = health, state
        self.validated = 0 if validation is None else len(validation)
        network = state.network
        labels = network.backend.to_host(state.updates.train.labels)
        self.chance = guessing_loss(network.loss, labels, network.output_shape[0])

    def check_lengths(self, may_continue: bool) -> None:
        """Note what begins after the end of the run, and so never; called at its start.

        may_continue: whether the run saves checkpoints, from which it may continue to more epochs:
            then it is noted only if `health` is True.
        """
        if self.health is False or (may_continue and not self.health):
            return
        updates = self.state.updates
        for finding in after_the_end(self.state.options, updates.total, updates.per_epoch):
            self.state.note(str(finding))
            if self.health is None and self.state.group.rank == 0:
                warn_user(str(finding), HealthWarning)

    def check_curves(self, is_last: bool) -> None:
        """Note what the figures of the epochs show; called after each, `is_last` after the last."""
        if self.health is False:
            return
        history = self.state.history
        for text in self._new(jump(history.epochs, self.chance, is_last)):
            self.state.note(text)
            if self.health is None and self.state.group.rank == 0:
                warn_user(text, HealthWarning)
        if self.health and self.validated:
            for text in self._new(overfitting(history.epochs, self.validated)):
                self.state.note(text)

    def check_network(self) -> None:
        """Note what a batch shows of the network: at the start, after epochs 1, 2, 4, 8, ..."""
        state, history = self.state, self.state.history
        epoch, losses = len(history), history.losses()
        if not self.health or epoch & (epoch - 1) or state.group.rank > 0:
            return
        updates = state.whole_updates
        update = next(updates.epoch(max(epoch, 1), 0, losses))
        labels = updates.train.labels
        figures = measured(state.network, state.whole_recipe, state.now.progress, update, labels)
        factor = updates.factor(max(state.step, 1), losses)
        network, found = state.network, []
        if network.task.name == "regression" or isinstance(network.loss, LOGITS):
            found += activation_at_the_end(type(last_layer(network.layers)).__name__)
        found += findings(figures, state.step, factor, history["loss"])
        for finding in new(found, history):
            state.note(str(finding))

    def _new(self, found: Finding | None) -> list[str]:
        return [str(f) for f in new([] if found is None else [found], self.state.history)]
