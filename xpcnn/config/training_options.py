"""TrainingOptions: how to train. All options except data and model, checked when made."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, is_dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from xpcnn import optimizers, schedules
from xpcnn import options as _options
from xpcnn.argument_advice import advice_on_argument
from xpcnn.data import augment as augmentations
from xpcnn.data.augment import Augmentation, checked
from xpcnn.errors import ConfigError, counted, hint, nearest
from xpcnn.foreign_names import SAME
from xpcnn.optimizers import SGD, Optimizer, clip_by_global_norm, clip_by_value
from xpcnn.optimizers.groups import check_factors, check_patterns
from xpcnn.schedules import Constant, Length, Schedule, Warmup, check_length
from xpcnn.types import Array
from xpcnn.validation_metrics import Metric, check_metrics

Clip: TypeAlias = Callable[[dict[str, Array]], dict[str, Array]]

_OF_FIT = (
    *("sample_weights", "validation", "seed", "callbacks", "checkpoints", "resume", "health"),
    *("progress", "group"),
)
"""Arguments of `Model.fit` beside the training options, for advice."""

LOWER = ("val_loss", "val_calibration_error", "val_log_loss", "val_mae", "val_rmse")
HIGHER = (
    *("val_accuracy", "val_auc", "val_average_precision", "val_f1", "val_r2"),
    *("val_top_3", "val_top_5"),
)
MONITORS = (*LOWER, *HIGHER)
"""Figures of a validation that may decide which one is best: the lower or the higher the better."""

_BATCH_NORM = re.compile(r"sync|local|groups:[1-9][0-9]{0,8}")

_COUNTS_OR_NONE = ("unfreeze_after", "swa", "validate_every", "patience", "max_steps")

_NUMBERS_OR_NONE: Mapping[str, tuple[_options.Range, str]] = {
    "clip_norm": (_options.POSITIVE, "clip_norm=1.0, or no clipping"),
    "clip_value": (_options.POSITIVE, "clip_value=1.0, or no clipping"),
    "ema": (_options.FRACTION, "ema=0.999, or no average"),
    "max_seconds": (_options.POSITIVE, "max_seconds=60"),
}
"""Options that may be None: the range, and the advice for what is out of it."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train: all options except the data and the model.

        model.fit(train, TrainingOptions(epochs=20, optimizer="adam"))
        model.fit(train, epochs=20, optimizer="adam")   # the same

    epochs: passes through the training data, at least 1.
    batch_size: number of samples in a batch, at least 1.
    drop_last: True leaves out the last batch of an epoch if it is smaller than the others. The
        samples that are left out change with every epoch, as the order of samples does.
    optimizer: "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "nadam",
        "radam", "lion", "lars", "lamb" or "muon" with default arguments, or an object of
        `xpcnn.optimizers`, such as `Adam(lr=1e-3)`.
    schedule: "constant", "step", "cosine", ... with default arguments, or an object of
        `xpcnn.schedules`. The learning rate of an update is
        `optimizer.lr * schedule(updates done, updates of the whole run)`.
    warmup: number of updates, such as 100, or share of all updates, such as 0.1, over which the
        learning rate rises linearly to that of the schedule; 0 for none.
    accumulate: number of batches whose gradients make one update, at least 1: equal to a batch of
        `accumulate * batch_size` samples, except that batch normalisation, random numbers, and
        losses that divide by the weights of labels work on each batch alone.
    clip_norm: upper limit of the gradients' global norm, above 0; None for no limit.
    clip_value: upper limit of the absolute value of each gradient, above 0; None for no limit. Not
        together with `clip_norm`.
    l1: λ of the penalty λ·Σ|w| over the weights (rank 2 and more), whose gradient λ·sign(w) is
        added; at least 0. The penalty λ/2·Σw² is `weight_decay` of the optimizer.
    layer_lr: factors of the learning rate by pattern of parameter paths, {"layers.0.*": 0.1}; the
        first pattern that matches wins; other parameters have factor 1.
    freeze: patterns of paths, such as ["layers.0.*"], of parameters and running statistics that are
        not trained. A batch norm normalises by its running statistics in training too if they, or
        both its parameters, are frozen.
    unfreeze_after: epoch, from 1, after which `freeze` ends and all parameters are trained, with a
        tenth of the learning rate; None for never. Until then the optimizer has no state for frozen
        parameters; it counts their steps from there.
    ema: decay d, from 0 to below 1, of a moving average of the parameters, a ← a + (1 - d_t)·(p -
        a) after update t, d_t = min(d, (1 + t)/(10 + t)). Validation uses the average, and the
        model ends with it. None for no average.
    swa: first epoch, from 1, of stochastic weight averaging: the mean of the parameters at the end
        of this epoch and of all later ones. Validation uses the average, and the model ends with
        it; its batch norms get the mean statistics of the batches of the training data, by a
        further forward pass. Best with a learning rate that stays high, such as a constant one.
        None for no average; not together with `ema`.
    augment: random changes of the samples, applied in turn: objects of `xpcnn.data.augment`, or
        names of them with default arguments, such as [Crop(4), "flip"].
    validate_every: number of updates between validations, besides the one at the end of every
        epoch; None for that one alone.
    metrics: figures of each validation beside loss and accuracy: names ("auc", "calibration_error",
        "f1", "log_loss", "top_3", "top_5") and functions of your own, of the probabilities (n,
        classes) and labels (n,) of all samples, NumPy arrays, which return a number. They are
        called `val_` and the name of the function. Training does not depend on them.
    monitor: figure that decides which validation is best: "val_loss", "val_accuracy", or val_ and
        the name of another figure that its task or `metrics` give it, such as "val_f1".
    keep_best: True: the model ends with the weights of its best validation.
    patience: number of successive validations without improvement after which training stops, with
        the best weights; None for never.
    max_steps: updates after which training stops; None for no limit.
    max_seconds: seconds of training after which it stops, above 0; None for no limit.
    batch_norm: for several processes that train together, over which samples batch norm computes
        mean and variance: "sync", those of all processes, as one process would; "local", those of
        each process, which is faster; "groups:4", those of 4 neighbouring processes, a divisor of
        the number of processes. The running statistics are the mean over the processes. With one
        process, "sync" and "local" are equal.

    Raises:
        ConfigError: an option is out of range, or two contradict each other.
    """

    _: KW_ONLY
    epochs: int = 10
    batch_size: int = 64
    drop_last: bool = False
    optimizer: Optimizer = SGD(lr=0.05, momentum=0.9)  # noqa: RUF009 - frozen
    schedule: Schedule = Constant()  # noqa: RUF009 - frozen
    warmup: Length = 0
    accumulate: int = 1
    clip_norm: float | None = None
    clip_value: float | None = None
    l1: float = 0.0
    layer_lr: dict[str, float] = field(default_factory=dict)
    freeze: tuple[str, ...] = ()
    unfreeze_after: int | None = None
    ema: float | None = None
    swa: int | None = None
    augment: tuple[Augmentation, ...] = ()
    validate_every: int | None = None
    metrics: tuple[str | Metric, ...] = ()
    monitor: str = "val_loss"
    keep_best: bool = False
    patience: int | None = None
    max_steps: int | None = None
    max_seconds: float | None = None
    batch_norm: str = "sync"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", *_COUNTS_OR_NONE):
            value = getattr(self, name)
            if value is not None or name not in _COUNTS_OR_NONE:
                object.__setattr__(self, name, _options.check_count(name, value))
        for name, module, method in (
            ("optimizer", optimizers, "update"),
            ("schedule", schedules, "__call__"),
        ):
            value = _made(module, getattr(self, name))
            if isinstance(value, type) or not hasattr(value, method):
                names = ", ".join(map(repr, module.BY_NAME))
                advice = f"a name ({names}), or an object of xpcnn.{name}s with its options"
                message = f"{name} is {_options.shown(value)}, expected a name or an object"
                raise ConfigError(hint(message, advice))
            object.__setattr__(self, name, value)
        for name in ("init", "lr"):
            if not hasattr(self.optimizer, name):
                message = f"optimizer is {_options.shown(self.optimizer)}, which has no {name!r}"
                advice = (
                    "lr, a number, and the methods init and update of xpcnn.optimizers.Optimizer"
                )
                raise ConfigError(hint(message, advice))
        lr = self.optimizer.lr
        _options.number("optimizer", "lr", lr, _options.NON_NEGATIVE, "lr=0.001, a number")
        _check_takes_progress(self.schedule)
        if self.warmup != 0:
            check_length("TrainingOptions", "warmup", self.warmup)
        _options.check(self, l1=_options.NON_NEGATIVE)
        for name, (valid, advice) in _NUMBERS_OR_NONE.items():
            if (value := getattr(self, name)) is not None:
                value = _options.number("TrainingOptions", name, value, valid, advice)
                object.__setattr__(self, name, value)
        if self.monitor not in MONITORS:
            message = f"unknown monitor {self.monitor!r}"
            longer = f"val_{self.monitor}"
            meant = longer if longer in MONITORS else str(self.monitor)
            raise ConfigError(hint(message, nearest(meant, MONITORS)))
        if not _BATCH_NORM.fullmatch(str(self.batch_norm)):
            message = f"unknown batch_norm {self.batch_norm!r}"
            raise ConfigError(hint(message, "sync, local, or groups:4 for 4 processes together"))
        if self.clip_norm is not None and self.clip_value is not None:
            raise ConfigError(hint("clip_norm and clip_value are both given", "one of the two"))
        if self.ema is not None and self.swa is not None:
            raise ConfigError(hint("ema and swa are both given", "one of the two"))
        if self.swa is not None and self.swa > self.epochs:
            message = f"swa={self.swa} begins after the last of {counted(self.epochs, 'epoch')}"
            raise ConfigError(hint(message, f"swa={-(-3 * self.epochs // 4)}"))
        object.__setattr__(self, "layer_lr", check_factors(self.layer_lr))
        object.__setattr__(self, "freeze", check_patterns(self.freeze))
        named: Any = self.augment
        if isinstance(named, list | tuple):
            named = [_made(augmentations, item) for item in named]
        object.__setattr__(self, "augment", checked(named))
        object.__setattr__(self, "metrics", check_metrics(self.metrics))

    @property
    def best_kept(self) -> bool:
        """Whether the weights of the best validation are kept, and the model ends with them."""
        return self.keep_best or self.patience is not None

    def normalised_together(self, processes: int) -> int:
        """Return the number of processes over whose rows a batch norm computes its statistics.

        Raises:
            ConfigError: K of "groups:K" does not divide the number of processes.
        """
        if self.batch_norm in ("sync", "local"):
            return processes if self.batch_norm == "sync" else 1
        together = int(self.batch_norm.removeprefix("groups:"))
        if processes % together:
            message = f"batch_norm makes groups of {together} processes, and there are {processes}"
            advice = f"a multiple of {together} processes, or batch_norm=sync"
            raise ConfigError(hint(message, advice))
        return together

    def clip(self) -> Clip | None:
        """Return the function that clips gradients, or None."""
        if self.clip_norm is not None:
            return partial(clip_by_global_norm, max_norm=self.clip_norm)
        if self.clip_value is not None:
            return partial(clip_by_value, limit=self.clip_value)
        return None

    def whole_schedule(self) -> Schedule:
        """Return the schedule with its warm-up."""
        return self.schedule if self.warmup == 0 else Warmup(self.warmup, self.schedule)


def _made(module: Any, value: Any) -> Any:
    """Return the optimizer, schedule or augmentation of a name, anything else unchanged."""
    return module.make(value) if isinstance(value, str) else value


def _check_takes_progress(schedule: Schedule) -> None:
    """Require a function that can be called with a step and the number of all steps."""
    try:
        inspect.signature(schedule).bind(0, 1)
    except TypeError as error:
        message = f"schedule cannot be called as schedule(step, total_steps): {error}"
        advice = "schedule=lambda step, total: 1 - step / total"
        raise ConfigError(hint(message, advice)) from None
    except ValueError:  # some functions in C do not show their arguments
        pass


def overridden(base: TrainingOptions | None, changes: Mapping[str, Any]) -> TrainingOptions:
    """Return `base`, by default `TrainingOptions()`, with the options in `changes` replaced.

    None for an option that cannot be None leaves the value of `base`.

    Raises:
        ConfigError: an option is unknown (the nearest is named), a value is not valid, or `base` is
            not a TrainingOptions.
    """
    base = TrainingOptions() if base is None else base
    if not isinstance(base, TrainingOptions):
        message = f"training is {_options.shown(base)}, expected TrainingOptions"
        raise ConfigError(hint(message, "the options by name: fit(data, epochs=10)"))
    valid = [option.name for option in fields(TrainingOptions)]
    given = {**changes, "optimizer": _made(optimizers, changes.get("optimizer"))}
    for name in given:
        if name not in valid:
            message = f"there is no training option {name!r}"
            optimizer = type(given["optimizer"] or base.optimizer)
            own = {option.name for option in fields(optimizer)} if is_dataclass(optimizer) else {}
            for ours in (name, *SAME.get(name, ())):
                if ours in own:
                    value = given[name] if isinstance(given[name], int | float) else "..."
                    advice = f"optimizer={optimizer.__name__}({ours}={value})"
                    raise ConfigError(hint(message, advice))
            advice = advice_on_argument("fit(...)", name, given[name], valid, _OF_FIT)
            raise ConfigError(hint(message, advice))
    may_be_none = (*_COUNTS_OR_NONE, *_NUMBERS_OR_NONE)
    kept = {n: x for n, x in given.items() if x is not None or n in may_be_none}
    return replace(base, **kept)
