"""Whether a run can continue to another number of epochs.

A run can continue if all its updates had the learning rates that a run of the new number would have
had: then both end with the same bits. Everything else of a run (order, augmentation, averages) does
not depend on the number of epochs.
"""

from xpcnn.errors import ConfigError, counted, hint
from xpcnn.training.history import History
from xpcnn.training.updates import Updates


def check_extension(updates: Updates, before: int, history: History, done: int) -> None:
    """Require that a run of `before` epochs can continue to the epochs that `updates` has.

    history: of the epochs done; done: the updates done, in the middle of an epoch too.

    Raises:
        ConfigError: the run cannot continue; says at which update the learning rates differ.
    """
    now, trained = updates.options.epochs, -(-done // updates.per_epoch)
    if now < trained:
        message = f"epochs is {now}, and the run has trained {trained} already"
        raise ConfigError(hint(message, f"epochs={trained} or more, or a new run"))
    old, new = updates.total_for(before), updates.total
    losses = history.losses()
    for step in range(1, done + 1):
        known = losses[: (step - 1) // updates.per_epoch]
        then, rate = (updates.rate(step, known, total) for total in (old, new))
        if then != rate:
            options = updates.options
            name = type(options.schedule).__name__
            over = name if options.warmup == 0 else f"{name} after a warm-up"
            message = (
                f"epochs was {before} and is now {now}: the schedule {over} depends on the number "
                f"of all updates, so the run is not the beginning of one of "
                f"{counted(now, 'epoch')}: update {step} had the learning rate {then:.6g}, and "
                f"would have {rate:.6g}"
            )
            raise ConfigError(hint(message, _ADVICE))


_ADVICE = (
    "a new run from these weights: xpcnn train --init RUN; or, from the start, a schedule that "
    "does not depend on it: constant, plateau, or step and multi-step with lengths in steps"
)
