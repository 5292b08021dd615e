"""Training: one step (`step`), the run over epochs (`run`), callbacks, checkpoints, evaluation.

`run` lists what `model.fit` does, step by step; `checkpoints`, how a run is resumed;
`divergence_check`, what happens when a value is not finite.
"""

from xpcnn.config.training_options import TrainingOptions
from xpcnn.training.callbacks import Callback, StopTraining
from xpcnn.training.checkpoints import Checkpoints
from xpcnn.training.evaluation import evaluate
from xpcnn.training.history import Epoch, History, Validation
from xpcnn.training.replay_file import replay
from xpcnn.training.run import Run
from xpcnn.training.snapshot import Snapshot
from xpcnn.training.tensorboard import TensorBoard

__all__ = [
    "Callback",
    "Checkpoints",
    "Epoch",
    "History",
    "Run",
    "Snapshot",
    "StopTraining",
    "TensorBoard",
    "TrainingOptions",
    "Validation",
    "evaluate",
    "replay",
]
