"""Shared by the classifier and the regressor: parameters, networks by name, training."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from xpcnn.config.training_options import overridden
from xpcnn.errors import ConfigError, hint
from xpcnn.layers import Dense, Layer, ReLU
from xpcnn.losses import Loss
from xpcnn.model import Model
from xpcnn.models import Preset, preset
from xpcnn.optimizers import Adam, Optimizer
from xpcnn.schedules import Constant
from xpcnn.sklearn.samples import as_samples, shape_of, statistics
from xpcnn.training import History, TrainingOptions
from xpcnn.types import Shape

FOR_IMAGES = "digits"
"""The preset for images where no model is given."""

FOR_ROWS = TrainingOptions(epochs=50, batch_size=64, optimizer=Adam(lr=0.01))
"""How the small dense network for rows of features is trained."""

_NOT_HERE = ("validate_every", "monitor", "keep_best", "patience")


class Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The parameters of both estimators; `fit` trains a new network, `partial_fit` trains
    the same network further."""

    def __init__(
        self,
        model: Any = None,
        image_shape: Any = None,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        optimizer: Optimizer | str | None = None,
        lr: float | None = None,
        loss: Loss | str | None = None,
        options: Mapping[str, Any] | None = None,
        backend: str = "numpy",
        device: str | int | None = None,
        dtype: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.model = model
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.loss = loss
        self.options = options
        self.backend = backend
        self.device = device
        self.dtype = dtype
        self.random_state = random_state

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _read(self, x: Any, **options: Any) -> Any:
        """Return X, and y if it is given, as arrays that scikit-learn has checked."""
        return validate_data(self, x, dtype="numeric", allow_nd=True, **options)

    def _samples(self, x: Any) -> numpy.ndarray:
        """Return X of a call after `fit` as samples of the model."""
        check_is_fitted(self)
        return as_samples(self._read(x, reset=False), self.model_.input_shape)

    def _weights(self, x: numpy.ndarray, given: Any) -> numpy.ndarray | None:
        """Return sample weights as float64 (n,), or None.

        Raises:
            ValueError: not one number >= 0 for each sample.
        """
        if given is None:
            return None
        weights: numpy.ndarray = _check_sample_weight(
            given, x, dtype=numpy.float64, ensure_non_negative=True
        )
        if not weights.any():
            message = "every sample_weight is 0, expected at least one above 0"
            raise ConfigError(hint(message, "sample_weight=None, for equal weights"))
        return weights

    def _start(
        self,
        x: numpy.ndarray,
        weights: numpy.ndarray | None,
        outputs: int,
        classes: tuple[str, ...] | None = None,
    ) -> None:
        """Make the model for arrays X, and its training options, as the parameters say."""
        shape = shape_of(x, self.image_shape)
        samples = as_samples(x, shape)
        layers, loss, training = self._network(shape, outputs)
        self.seed_ = self._seed()
        self.calls_ = 0
        self.training_options_ = self._training(training)
        model = Model(
            layers,
            input_shape=shape,
            backend=self.backend,
            device=self.device,
            seed=self.seed_,
            loss=loss if self.loss is None else self.loss,
            classes=classes,
            dtype=self.dtype or ("float64" if len(shape) == 1 else "float32"),
        )
        model.set_normalisation(*statistics(samples, weights))
        self.model_ = model

    def _network(self, shape: Shape, outputs: int) -> tuple[Any, Loss | None, TrainingOptions]:
        """Return layers, loss and training options for samples of a shape."""
        if self.model is None and len(shape) == 1:
            return [Dense(64), ReLU(), Dense(outputs)], None, FOR_ROWS
        if self.model is None or isinstance(self.model, str | Path):
            found = self._adapted(preset(self.model or FOR_IMAGES), shape, outputs)
            return found.layers, found.loss, found.training
        if isinstance(self.model, Layer | list | tuple) and not isinstance(self.model, type):
            return self.model, None, TrainingOptions()
        message = f"model is a {type(self.model).__name__}, expected a name, a path or layers"
        raise ConfigError(hint(message, "model='small', or model=[Flatten(), Dense(10)]"))

    def _adapted(self, found: Preset, shape: Shape, outputs: int) -> Preset:
        """Return a preset for a shape of samples and a number of outputs."""
        raise NotImplementedError

    def _training(self, training: TrainingOptions) -> TrainingOptions:
        """Return the options of a preset with the parameters of the estimator laid over them."""
        more = dict(self.options or {})
        for name in _NOT_HERE:
            if name in more:
                message = f"options: {name!r} needs data to validate on, which fit does not take"
                raise ConfigError(hint(message, "GridSearchCV, or xpcnn.Model and its own fit"))
        named = {"epochs": self.epochs, "batch_size": self.batch_size, "optimizer": self.optimizer}
        given = {name: x for name, x in named.items() if x is not None}
        chosen = overridden(training, {**more, **given})
        if self.lr is None:
            return chosen
        rule = chosen.optimizer
        if not is_dataclass(rule) or "lr" not in {field.name for field in fields(rule)}:
            message = f"optimizer {type(rule).__name__} has no field lr"
            raise ConfigError(hint(message, "lr=None, and an optimizer with its own rate"))
        return replace(chosen, optimizer=replace(rule, lr=self.lr))

    def _seed(self) -> int:
        """Return the seed: random_state itself, or a number drawn from it; None draws anew."""
        state = self.random_state
        if isinstance(state, numpy.random.RandomState):
            return int(state.randint(2**31))
        if state is None:
            return int(numpy.random.default_rng().integers(2**31))
        return int(state)

    def _train(self, x: numpy.ndarray, y: Any, weights: numpy.ndarray | None) -> History:
        """Train the model on samples X with labels or targets y; of weight 0, none takes part."""
        raise NotImplementedError

    def _fit(self, x: numpy.ndarray, y: numpy.ndarray, weights: numpy.ndarray | None) -> Self:
        samples = as_samples(x, self.model_.input_shape)
        if weights is not None:
            kept = weights > 0.0
            samples, y, weights = samples[kept], y[kept], weights[kept]
        self.history_ = self._train(samples, y, weights)
        return self

    def _train_further(
        self, x: numpy.ndarray, y: numpy.ndarray, weights: numpy.ndarray | None
    ) -> Self:
        """Train one more epoch at a constant rate, in an order of its own."""
        before = self.training_options_, self.seed_
        self.calls_ += 1
        try:
            self.seed_ += self.calls_
            self.training_options_ = replace(before[0], epochs=1, schedule=Constant(), warmup=0)
            return self._fit(x, y, weights)
        finally:
            self.training_options_, self.seed_ = before
