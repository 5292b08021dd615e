"""The validations of a run: their figures, and the weights of the best one."""

import math

from xpcnn.samples import Samples
from xpcnn.training.divergence_check import DivergenceCheck
from xpcnn.training.evaluation import evaluate
from xpcnn.training.history import Validation
from xpcnn.training.run_state import RunState
from xpcnn.training.stopping import stop_without_improvement

_ALWAYS = ("loss", "accuracy")


class Validator:
    """Validates one run.

    samples: those to evaluate on; None for no validation.
    """

    def __init__(
        self, samples: Samples | None, state: RunState, divergence: DivergenceCheck
    ) -> None:
        self.samples, self.state, self.divergence = samples, state, divergence

    def validate(self) -> Validation | None:
        """Return the figures after the last update, taken once for an update; None without samples.

        They are added to the history; the weights are kept if they are the best; and training ends
        if `patience` is over.

        Raises:
            XpcnnError: the validation loss, or what the last updates computed, is not finite.
        """
        state, history, options = self.state, self.state.history, self.state.options
        if self.samples is None:
            return None
        if history.validations and history.validations[-1].step == state.step:
            return history.validations[-1]
        self.divergence.require_finite()
        weights = state.weights()
        scores = evaluate(
            state.network, self.samples, options.batch_size, weights, options.metrics, state.group
        )
        if not math.isfinite(loss := scores["loss"]):
            self.divergence.fail(f"the validation loss is {loss} after update {state.step}")
        accuracy, ends_epoch = scores.get("accuracy"), not state.is_mid_epoch()
        further = {
            name: value if math.isfinite(value) else None
            for name, value in scores.items()
            if name not in _ALWAYS
        }
        record = Validation(state.step, loss, accuracy, ends_epoch, further)
        if options.best_kept and history.would_be_best(record, options.monitor):
            state.best = weights
        history.validations.append(record)  # last: an interrupt before it repeats the validation
        state.notify("on_validation", record)
        stop_without_improvement(state)
        return record
