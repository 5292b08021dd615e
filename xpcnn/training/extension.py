"""Whether a run can continue to another number of epochs, or another `max_steps`.

A run can continue if all its updates had the learning rates that a run of the new number would have
had: then both end with the same bits. Everything else of a run (order, augmentation, averages) does
not depend on the number of epochs.
"""

from xpcnn.errors import ConfigError, hint
from xpcnn.training.history import History
from xpcnn.training.updates import Updates


def extended(
    updates: Updates, epochs: int, most: int | None, history: History, done: int
) -> list[str]:
    """Return what a run of `epochs` epochs and `most` updates at most now has of another length.

    updates: those of the run as it is now. history: of the epochs done; done: the updates done, in
    the middle of an epoch too.

    Raises:
        ConfigError: the run cannot continue; says at which update the learning rates differ.
    """
    options = updates.options
    changes = [
        f"{name} was {before or 'none'} and is now {now or 'none'}"
        for name, before, now in (
            ("epochs", epochs, options.epochs),
            ("max_steps", most, options.max_steps),
        )
        if before != now
    ]
    if not changes:
        return []
    trained = -(-done // updates.per_epoch)
    if options.epochs < trained:
        message = f"epochs is {options.epochs}, and the run has trained {trained} already"
        raise ConfigError(hint(message, f"epochs={trained} or more, or a new run"))
    if options.max_steps is not None and options.max_steps < done:
        message = f"max_steps is {options.max_steps}, and the run has made {done} updates already"
        raise ConfigError(hint(message, f"max_steps={done} or more, or a new run"))
    old, new = updates.total_for(epochs, most), updates.total
    losses = history.losses()
    for step in range(1, done + 1):
        known = losses[: (step - 1) // updates.per_epoch]
        then, rate = (updates.rate(step, known, total) for total in (old, new))
        if then != rate:
            name = type(options.schedule).__name__
            over = name if options.warmup == 0 else f"{name} after a warm-up"
            message = (
                f"{' and '.join(changes)}: the schedule {over} depends on the number of all "
                f"updates, so the run is not the beginning of one of that length: update {step} "
                f"had the learning rate {then:.6g}, and would have {rate:.6g}"
            )
            raise ConfigError(hint(message, _ADVICE))
    return changes


_ADVICE = (
    "a new run from these weights: xpcnn train --init RUN; or, from the start, a schedule that "
    "does not depend on it: constant, plateau, or step and multi-step with lengths in steps"
)
