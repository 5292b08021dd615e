"""When a run stops before its last epoch: limits of updates and time, and patience."""

from xpcnn.config.training_options import TrainingOptions
from xpcnn.training.history import History
from xpcnn.training.run_state import RunState


def stop_at_limits(state: RunState) -> None:
    """Stop a run that has done `max_steps` updates, or has trained for `max_seconds`."""
    most, longest = state.options.max_steps, state.options.max_seconds
    if most is not None and state.step >= most:
        state.stop("")  # as expected
    if longest is not None and state.seconds >= longest:
        state.stop(f"{longest:g} seconds are over")


def stop_without_improvement(state: RunState) -> None:
    """Stop a run whose last `patience` validations are no better than one before."""
    reason = lost_patience(state.options, state.history)
    if reason is not None:
        state.stop(reason)


def lost_patience(options: TrainingOptions, history: History) -> str | None:
    """Return the reason to stop where validations have not improved for long; else None."""
    best = history.best(options.monitor)
    if options.patience is None or best is None:
        return None
    since = len(history.validations) - 1 - best
    if since < options.patience:
        return None
    step = history.validations[best].step
    return f"{since} validations without a better {options.monitor} than after update {step:,}"
