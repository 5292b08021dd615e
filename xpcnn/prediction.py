"""Predictions of a model for raw samples: classes, probabilities, scores; and evaluation."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from xpcnn.argument_advice import advised
from xpcnn.data.augment import views_of
from xpcnn.data.dataset import Dataset
from xpcnn.errors import ConfigError, hint
from xpcnn.inputs import Data, as_dataset, as_pair, as_samples, warn_of_scale
from xpcnn.model_state import ModelState
from xpcnn.options import check_count
from xpcnn.training import TrainingOptions, evaluate
from xpcnn.training.option_checks import check_task
from xpcnn.types import Array
from xpcnn.validation_metrics import Metric, check_metrics


class Predictor(ModelState):
    """The methods of a model that predict and evaluate; results are NumPy arrays and floats."""

    @advised
    def evaluate(
        self,
        data: Data | Array,
        labels: Any = None,
        *,
        batch_size: int = 256,
        metrics: Sequence[str | Metric] = (),
    ) -> dict[str, float]:
        """Return mean loss and accuracy of the model on data: {"loss": ..., "accuracy": ...}.

        In the task "multi-label", a sample is right if all its labels are, and "f1" and
        "average_precision" are added. In "regression", "mae", "rmse" and "r2" replace the accuracy,
        in the units of the targets. See `xpcnn.tasks`.

            model.evaluate(test, metrics=["top_5", f1])   # also "top_5" and "f1"

        Warns (`errors.DataWarning`) if samples have another scale than in training.

        Args:
            data, labels: a data set, or samples (n, *input_shape) and labels (n,), or for another
                task targets (n, k); as in `Model.fit`.
            batch_size: number of samples computed at once; it changes memory and speed only.
            metrics: further figures, names and functions, as in `TrainingOptions`.

        Raises:
            DataError, LabelError, ShapeError, DTypeError: the data does not match the model.
            ConfigError: a metric is unknown, or does not return one number.
        """
        self._require_not_in_training()
        chosen = check_metrics(metrics)
        check_task(TrainingOptions(metrics=chosen), self.task)
        data = self.checked(as_pair(data, labels))
        warn_of_scale(data.images, self.mean, self.std)
        samples = self.network.samples(data.images, data.labels)
        with self.backend.session():
            return evaluate(self.network, samples, batch_size, metrics=chosen)

    @advised
    def predict(
        self, samples: Array, *, batch_size: int = 256, views: Sequence[str] = ("identity",)
    ) -> numpy.ndarray:
        """Return the most probable class of each sample: integers (n,), a NumPy array.

        In the task "multi-label": 1 where the probability reaches the threshold, 0 elsewhere,
        integers (n, k). In "regression": estimates in the units of the targets, floats (n, k).

        Warns (`errors.DataWarning`) if samples have another scale than in training, such as images
        from 0 to 1 for a model of images from 0 to 255.

        Args:
            samples: raw samples (n, *input_shape), uint8 or floats; NumPy arrays or arrays of the
                model's backend.
            batch_size: number of samples computed at once; it changes memory and speed only.
            views: names of views of each sample, as in `predict_proba`; what is predicted is that
                of their mean probabilities or estimates.

        Raises:
            DataError, ShapeError, DTypeError: the samples do not match the model.
            ConfigError: a view is unknown.
        """
        if views_of(views) != views_of(("identity",)):
            means = self.estimates(samples, batch_size=batch_size, views=views)
            decided: numpy.ndarray = self.task.decided(means)
            return decided
        decide, loss, scores = self.task.decide, self.loss, self.network.scores
        return self._batched(samples, batch_size, lambda x: decide(loss, scores(x)))

    @advised
    def predict_proba(
        self, samples: Array, *, batch_size: int = 256, views: Sequence[str] = ("identity",)
    ) -> numpy.ndarray:
        """Return the probability of each class or label for each sample: (n, classes), a NumPy
        array.

        Args:
            samples, batch_size: as in `predict`, with the same warnings and errors.
            views: names of views of each sample over which probabilities are averaged: "identity",
                the sample itself; "flip", its mirror image; "up-left", "down-right",
                "flip-up-left", "flip-down-right", these moved by one pixel.

        Raises:
            ConfigError: a view is unknown, or the task of the model is regression.
        """
        if self.task.name == "regression":
            message = "predict_proba needs classes or labels, and the task is regression"
            raise ConfigError(hint(message, "model.predict(samples)"))
        return self.estimates(samples, batch_size=batch_size, views=views)

    def estimates(
        self, samples: Array, *, batch_size: int = 256, views: Sequence[str] = ("identity",)
    ) -> numpy.ndarray:
        """Return probabilities of classes or labels, or estimated numbers: (n, k), a NumPy array.

        Args:
            samples, batch_size, views: as in `predict_proba`.
        """
        chosen, scores, task, loss = views_of(views), self.network.scores, self.task, self.loss

        def mean(x: Array) -> Array:
            first, *others = (task.estimates(loss, scores(view(x))) for view in chosen)
            return sum(others, start=first) / len(chosen)

        return self._batched(samples, batch_size, mean)

    @advised
    def predict_scores(self, samples: Array, *, batch_size: int = 256) -> numpy.ndarray:
        """Return the outputs of the network for each sample: (n, outputs), a NumPy array.

        Scores are what the loss turns into probabilities, such as logits.

        Args:
            samples, batch_size: as in `predict`, with the same warnings and errors.
        """
        return self._batched(samples, batch_size, self.network.scores)

    def checked(self, data: Data) -> Dataset:
        """Return data as a data set that matches the model, with labels and values checked."""
        return as_dataset(data, self.network, self.classes)

    def _batched(
        self, samples: Array, batch_size: int, read: Callable[[Array], Array]
    ) -> numpy.ndarray:
        """Return `read(scores)` of all samples, batch by batch."""
        self._require_not_in_training()
        check_count("batch_size", batch_size)
        raw = as_samples(samples, self.network)
        warn_of_scale(raw, self.mean, self.std)
        if len(raw) == 0:  # what one sample would give, without it
            one = numpy.zeros((1, *self.input_shape), "f4")
            return self._batched(one, 1, read)[:0]
        with self.backend.session():
            parts = [read(x) for x, _ in self.network.samples(raw, None).batches(batch_size)]
        return self.backend.to_host(self.backend.xp.concat(parts, axis=0))
