"""Diagnostics: short experiments on a model before a long training, which leave it as it was."""

from xpcnn.diagnostics.learning_rate import LrSearch, find_lr
from xpcnn.diagnostics.one_batch import Overfit, overfit_one_batch
from xpcnn.diagnostics.one_update import DryRun, dry_run
from xpcnn.diagnostics.parity import Parity, check_parity

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
