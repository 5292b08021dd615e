"""Training: one step, the loop over epochs, what it tells, checkpoints, evaluation; and trials."""

from xpcnn.training.callbacks import Callback, StopTraining
from xpcnn.training.checkpoints import Checkpoints
from xpcnn.training.dry_run import DryRun, dry_run
from xpcnn.training.evaluation import evaluate
from xpcnn.training.history import Epoch, History, Validation
from xpcnn.training.loop import fit
from xpcnn.training.lr_finder import LrSearch, find_lr
from xpcnn.training.options import TrainingOptions
from xpcnn.training.overfit import Overfit, overfit_one_batch
from xpcnn.training.replay import replay

__all__ = [
    "Callback",
    "Checkpoints",
    "DryRun",
    "Epoch",
    "History",
    "LrSearch",
    "Overfit",
    "StopTraining",
    "TrainingOptions",
    "Validation",
    "dry_run",
    "evaluate",
    "find_lr",
    "fit",
    "overfit_one_batch",
    "replay",
]
