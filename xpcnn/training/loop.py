"""The loop over epochs, and evaluation. Reads values from the device once per epoch."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy

from xpcnn import random
from xpcnn.data.augment import Augmentation, Augmenter, checked
from xpcnn.errors import ConfigError, XpcnnError, hint
from xpcnn.layers import Context
from xpcnn.optimizers import SGD, Optimizer, clip_by_global_norm, clip_by_value
from xpcnn.schedules import Constant, Schedule
from xpcnn.training.callbacks import Callback
from xpcnn.training.history import Epoch, History
from xpcnn.training.samples import Samples
from xpcnn.training.step import Clip, Progress, hits, training_step
from xpcnn.types import Array, Shape, flatten, namespace

if TYPE_CHECKING:
    from xpcnn.model import Model


@dataclass(frozen=True)
class TrainingOptions:
    """How to train: everything but the data and the model.

    The learning rate of a step is `optimizer.lr * schedule(steps done, steps in all)`. `clip_norm`
    limits the global norm of the gradients, `clip_value` each of their elements. `augment` changes
    the samples at random, in turn.
    """

    _: KW_ONLY
    epochs: int = 10
    batch_size: int = 64
    optimizer: Optimizer = SGD(lr=0.05, momentum=0.9)  # noqa: RUF009 - frozen
    schedule: Schedule = Constant()  # noqa: RUF009 - frozen
    clip_norm: float | None = None
    clip_value: float | None = None
    augment: tuple[Augmentation, ...] = ()

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            check_count(name, getattr(self, name))
        for name, method in (("optimizer", "update"), ("schedule", "__call__")):
            value = getattr(self, name)
            if isinstance(value, type) or not hasattr(value, method):
                advice = f"{name}s.make('...'), or a class of xpcnn.{name}s with its options"
                raise ConfigError(hint(f"{name} is {value!r}, expected an object", advice))
        if clip := self.clip():
            clip({})  # refuses a limit out of range
        object.__setattr__(self, "augment", checked(self.augment))

    def clip(self) -> Clip | None:
        """Return what clips gradients, or None."""
        if self.clip_norm is not None and self.clip_value is not None:
            raise ConfigError(hint("clip_norm and clip_value are both given", "one of the two"))
        if self.clip_norm is not None:
            return partial(clip_by_global_norm, max_norm=self.clip_norm)
        if self.clip_value is not None:
            return partial(clip_by_value, limit=self.clip_value)
        return None


def check_count(name: str, value: int) -> None:
    """Require a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(
            hint(f"{name} is {value!r}, expected a whole number of at least 1", f"{name}=10")
        )


def fit(
    model: "Model",
    train: Samples,
    validation: Samples | None,
    options: TrainingOptions,
    seed: int,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train the model on `train`, epoch by epoch in the order of `random.permutation`.

    The model gets the new parameters when training ends; an interrupt (KeyboardInterrupt) leaves it
    with those of the last step, an error with those from before the call.

    Raises:
        XpcnnError: the loss of an epoch, or a parameter in the end, is not finite.
    """
    run = _Run(model, train, options, seed, callbacks)
    history = History()
    try:
        for epoch in range(1, options.epochs + 1):
            record = run.epoch(epoch)
            if validation is not None:
                scores = _evaluate(model, run.start(), validation, options.batch_size)
                val_loss, val_accuracy = scores["loss"], scores["accuracy"]
                record = replace(record, val_loss=val_loss, val_accuracy=val_accuracy)
            history.epochs.append(record)
            for callback in callbacks:
                callback.on_epoch_end(record)
    except KeyboardInterrupt:
        model.params, model.buffers = run.progress.params, run.progress.buffers
        raise
    _check_finite(run.progress, options)
    model.params, model.buffers = run.progress.params, run.progress.buffers
    return history


def _check_finite(progress: Progress, options: TrainingOptions) -> None:
    """Require finite parameters; the loss of a step is that of the parameters before it."""
    finite = {
        path: namespace(p).all(namespace(p).isfinite(p))
        for path, p in flatten(progress.params).items()
    }
    bad = [path for path, is_finite in finite.items() if not bool(is_finite)]
    if bad:
        raise _diverged(f"{bad[0]} is not finite after the last step", options)


def _diverged(what: str, options: TrainingOptions) -> XpcnnError:
    advice = f"a smaller learning rate than {options.optimizer.lr:g}, or clip_norm=1.0"
    return XpcnnError(hint(f"training diverged: {what}", advice))


class _Run:
    """A run under way: what changes with every step, and how many are done."""

    def __init__(
        self,
        model: "Model",
        train: Samples,
        options: TrainingOptions,
        seed: int,
        callbacks: Sequence[Callback],
    ) -> None:
        self.model, self.train, self.options = model, train, options
        self.seed, self.callbacks = seed, callbacks
        self.batches = -(-len(train) // options.batch_size)
        self.clip = options.clip()
        self.source = random_source(model, seed)
        self.augmenter = Augmenter(
            options.augment,
            model.backend,
            seed=seed,
            shape=model.input_shape,
            outputs=model.output_shape[0],
            dtype=model.dtype,
        )
        state = options.optimizer.init(flatten(model.params))
        self.progress = Progress(model.params, model.buffers, state, *_zero_sums(model))
        self.done = 0

    def start(self) -> Progress:
        """Return where the run stands, with the sums of no samples."""
        loss_sum, right = _zero_sums(self.model)
        return self.progress._replace(loss_sum=loss_sum, hits=right)

    def epoch(self, epoch: int) -> Epoch:
        """Train one epoch, and wait for the device once, for its sums."""
        for callback in self.callbacks:
            callback.on_epoch_start(epoch, self.batches)
        start = time.perf_counter()
        from_host, n = self.model.backend.from_host, len(self.train)
        order = random.permutation(self.seed, n, epoch)
        augmented = self.augmenter.epoch(epoch, order)
        total = self.batches * self.options.epochs
        rates = [
            self.options.optimizer.lr * self.options.schedule(self.done + i, total)
            for i in range(self.batches)
        ]
        numbers = numpy.arange(self.done + 1, self.done + self.batches + 1)
        lr = from_host(numpy.asarray(rates, dtype=self.model.dtype))
        step = from_host(numbers.astype(self.model.dtype))

        self.progress = self.start()
        size = self.options.batch_size
        for i, (x, labels) in enumerate(self.train.batches(size, from_host(order))):
            x, labels = augmented(x, labels, i * size, self.done + 1)
            self.progress = training_step(
                self.model.layers,
                self.model.loss,
                self.options.optimizer,
                self.clip,
                self.source,
                self.progress,
                x,
                labels,
                self.done + 1,
                lr[i, ...],
                step[i, ...],
            )
            self.done += 1
            for callback in self.callbacks:
                callback.on_step(self.done)

        loss, accuracy = float(self.progress.loss_sum) / n, int(self.progress.hits) / n
        seconds = time.perf_counter() - start
        if not math.isfinite(loss):
            raise _diverged(f"the loss of epoch {epoch} is {loss}", self.options)
        return Epoch(epoch, loss, accuracy, None, None, rates[-1], seconds, n / seconds)


def evaluate(model: "Model", samples: Samples, batch_size: int = 256) -> dict[str, float]:
    """Return loss and accuracy over all samples: means over batches, weighted by their size."""
    check_count("batch_size", batch_size)
    progress = Progress(model.params, model.buffers, {}, *_zero_sums(model))
    return _evaluate(model, progress, samples, batch_size)


def _zero_sums(model: "Model") -> tuple[Array, Array]:
    """Return the loss sum and the hits of no samples, on the device."""
    from_host = model.backend.from_host
    return from_host(numpy.zeros((), model.dtype)), from_host(numpy.zeros((), numpy.int64))


def _evaluate(
    model: "Model", progress: Progress, samples: Samples, batch_size: int
) -> dict[str, float]:
    loss_sum, right = progress.loss_sum, progress.hits
    for x, labels in samples.batches(batch_size):
        scores, _, _ = model.layers.forward(progress.params, progress.buffers, x, Context())
        value, _ = model.loss(scores, labels)
        loss_sum = loss_sum + value * x.shape[0]
        right = right + hits(model.loss, scores, labels)
    return {"loss": float(loss_sum) / len(samples), "accuracy": int(right) / len(samples)}


def random_source(model: "Model", seed: int) -> Callable[[str, int, Shape], Array]:
    """Return the uniforms of dropout: a function of (seed, path of the layer, step, shape)."""
    uniform = model.backend.uniform
    keys: dict[str, int] = {}

    def source(path: str, step: int, shape: Shape) -> Array:
        if path not in keys:
            keys[path] = random.key(seed, f"dropout/{path}")
        return uniform(keys[path], step, shape)

    return source
