"""CNNRegressor: one number, or several, for each sample."""

from dataclasses import replace
from typing import Any, Self

import numpy
from sklearn.base import RegressorMixin

from xpcnn.argument_advice import advised
from xpcnn.errors import ConfigError, counted, hint
from xpcnn.layers import Dense, Sequential
from xpcnn.losses import MSE
from xpcnn.models import Preset
from xpcnn.optimizers import Adam
from xpcnn.sample_weights import as_weights
from xpcnn.sklearn.estimator import Estimator
from xpcnn.training import History, Run
from xpcnn.types import Shape

ADAM = Adam(lr=0.001)
"""In place of the optimizer of a preset, whose rates for classes are too large for squares."""


@advised
class CNNRegressor(RegressorMixin, Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor of scikit-learn that trains a convolutional network.

    Args:
        model: the network. A preset by name or the path of a TOML file like one, whose last layer
            is a Dense: it gets an output for each target, and Adam(lr=0.001) trains it. Layers, as
            of `xpcnn.Model`, with an output for each target. None: as in `CNNClassifier`.
        loss: an object of `xpcnn.losses` for float targets; None: the mean squared error.
        image_shape, epochs, batch_size, optimizer, lr, options, backend, device, dtype,
            random_state: as in `CNNClassifier`.

    X is as in `CNNClassifier`. Targets are scaled to mean 0 and deviation 1 for training, by what
    `fit` or the first `partial_fit` gets: `history_["loss"]` is in these units (a loss of 1 is that
    of the mean), and `predict` gives those of y. The accuracy in `history_` means nothing here.

    Attributes:
        model_: the trained `xpcnn.Model`; its scores are scaled targets.
        target_mean_, target_std_: of each target: y = score * target_std_ + target_mean_.
        history_: the `xpcnn.training.History` of the last call.
        n_features_in_: size of X's second axis.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Args:
            X: samples; see the class.
            y: targets (n,) or (n, targets), numbers.
            sample_weight: as in `CNNClassifier.fit`.

        Raises:
            ValueError: X, y or a parameter is not valid.
        """
        x, y = self._read(X, y=y, multi_output=True, y_numeric=True)
        weights = self._weights(x, sample_weight)
        targets = self._start_targets(x, y, weights)
        return self._fit(x, targets, weights)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the present network for one more epoch, on X, at a constant learning rate.

        The optimizer starts anew at every call. Arguments and errors as in `fit`.
        """
        is_first = not hasattr(self, "model_")
        x, y = self._read(X, y=y, multi_output=True, y_numeric=True, reset=is_first)
        weights = self._weights(x, sample_weight)
        targets = self._start_targets(x, y, weights) if is_first else _as_columns(y)
        if targets.shape[1] != len(self.target_mean_):
            message = (
                f"y has {counted(targets.shape[1], 'target')}, before it had "
                f"{len(self.target_mean_)}"
            )
            raise ConfigError(hint(message, "a new estimator, for other targets"))
        return self._train_further(x, targets, weights)

    def predict(self, X: Any) -> numpy.ndarray:
        """Return estimates (n,) or (n, targets), as y was, in the units of y."""
        samples = self._samples(X)
        scores = self.model_.predict_scores(samples) * self.target_std_ + self.target_mean_
        estimates: numpy.ndarray = scores[:, 0] if self.is_flat_ else scores
        return estimates

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _start_targets(
        self, x: numpy.ndarray, y: numpy.ndarray, weights: numpy.ndarray | None
    ) -> numpy.ndarray:
        """Make the model, take the scale of the targets, and return the targets (n, targets)."""
        targets = _as_columns(y)
        self._start(x, weights, targets.shape[1])
        if self.model_.output_shape[0] != targets.shape[1]:
            outputs = counted(self.model_.output_shape[0], "output")
            del self.model_  # the next call is the first again
            message = f"the network has {outputs} for {counted(targets.shape[1], 'target')}"
            raise ConfigError(hint(message, f"a last layer Dense({targets.shape[1]})"))
        self.is_flat_ = y.ndim == 1
        self.target_mean_ = numpy.average(targets, axis=0, weights=weights)
        squares = (targets - self.target_mean_) ** 2
        std = numpy.sqrt(numpy.average(squares, axis=0, weights=weights))
        weighed = targets if weights is None else targets[weights > 0.0]
        is_varied = numpy.ptp(weighed, axis=0) > 0.0  # else rounding may leave a std above 0
        self.target_std_ = numpy.where(is_varied, std, 1.0)
        return targets

    def _network(self, shape: Shape, outputs: int) -> Any:
        layers, _, training = super()._network(shape, outputs)
        return layers, MSE(), training

    def _adapted(self, found: Preset, shape: Shape, outputs: int) -> Preset:
        adapted = found.for_data(shape, max(2, found.classes))
        layers = adapted.layers
        assert isinstance(layers, Sequential)
        *body, head = layers.layers
        if not isinstance(head, Dense):
            message = f"model {found.name!r} ends with {type(head).__name__}, expected a Dense"
            raise ConfigError(hint(message, "model=[...], layers with an output for each target"))
        layers = Sequential([*body, replace(head, units=outputs)])
        return replace(adapted, layers=layers, training=replace(adapted.training, optimizer=ADAM))

    def _train(self, x: numpy.ndarray, y: Any, weights: numpy.ndarray | None) -> History:
        network = self.model_.network
        if weights is not None:
            weights = as_weights(weights, len(x), network.backend)
        scaled = (y - self.target_mean_) / self.target_std_
        samples = network.samples(x, scaled.astype(network.dtype), weights)
        options = self.training_options_
        return Run(network, samples, None, options, self.seed_, health=False).train()


def _as_columns(y: numpy.ndarray) -> numpy.ndarray:
    """Return targets as float64 (n, targets)."""
    exact = y.astype(numpy.float64)
    return exact[:, None] if y.ndim == 1 else exact
