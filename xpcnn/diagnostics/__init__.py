"""Trials: short experiments on a model before a long training, which leave it as it was."""

from xpcnn.trials.learning_rate import LrSearch, find_lr
from xpcnn.trials.one_batch import Overfit, overfit_one_batch
from xpcnn.trials.one_update import DryRun, dry_run
from xpcnn.trials.parity import Parity, check_parity

__all__ = [
    "DryRun",
    "LrSearch",
    "Overfit",
    "Parity",
    "check_parity",
    "dry_run",
    "find_lr",
    "overfit_one_batch",
]
