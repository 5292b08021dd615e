"""Training options that a run cannot follow: without data to validate on, or for its task."""

from xpcnn.config.training_options import TrainingOptions
from xpcnn.data.augment.base import Mixing
from xpcnn.errors import ConfigError, hint
from xpcnn.tasks import Task
from xpcnn.validation_metrics import BY_NAME


def check_validation(options: TrainingOptions, there: bool) -> None:
    """Require validation data if an option needs its figures."""
    if not there and (options.best_kept or options.validate_every or options.metrics):
        message = "keep_best, patience, validate_every and metrics need data to validate on"
        raise ConfigError(hint(message, "validation=0.1, a tenth of the training data"))


def check_task(options: TrainingOptions, task: Task) -> None:
    """Require options that make sense for a task.

    Raises:
        ConfigError: the task has no classes or accuracy, and a metric, the monitor or an
            augmentation needs them.
    """
    check_figure("the monitor", options.monitor, options, task)
    if task.name == "classification":
        return
    for metric in options.metrics:
        if isinstance(metric, str) and metric not in task.figures:
            message = f"the metric {metric!r} is of classes, and the targets are {task.name}"
            raise ConfigError(hint(message, f"none: {', '.join(task.figures)} are always there"))
    if task.counts_hits:
        return
    mixing = [type(x).__name__ for x in options.augment if isinstance(x, Mixing)]
    if mixing:
        message = f"augment: {mixing[0]} mixes the classes of samples, and the targets are numbers"
        raise ConfigError(hint(message, "other augmentations"))


def check_figure(
    what: str, name: str, options: TrainingOptions, task: Task, instead: str = "monitor='val_loss'"
) -> None:
    """Require that validations have a figure of `MONITORS`.

    what: the setting that names it; instead: what to set, for errors.

    Raises:
        ConfigError: the task has no such figure, or it is none of the metrics of the options.
    """
    figure = name.removeprefix("val_")
    if figure in ("loss", *task.figures, *options.metrics):
        return
    if figure == "accuracy" and task.counts_hits:
        return
    if figure in BY_NAME and task.name == "classification":
        message = f"{what} is {name}, and {figure} is not among the metrics"
        raise ConfigError(hint(message, f"--metrics {figure}, in Python metrics=[{figure!r}]"))
    raise ConfigError(hint(f"{what} is {name}, and {task.name} has no {figure}", instead))
