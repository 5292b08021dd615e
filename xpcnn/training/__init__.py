"""Training: one step, the loop over epochs, what it tells, and evaluation."""

from xpcnn.training.callbacks import Callback
from xpcnn.training.history import Epoch, History
from xpcnn.training.loop import TrainingOptions, evaluate, fit

__all__ = ["Callback", "Epoch", "History", "TrainingOptions", "evaluate", "fit"]
