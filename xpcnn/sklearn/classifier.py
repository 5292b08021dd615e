"""CNNClassifier: labels of any kind, one class for each sample."""

from typing import Any, Self

import numpy
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from xpcnn.argument_advice import advised
from xpcnn.errors import LabelError, counted, hint
from xpcnn.models import Preset
from xpcnn.sklearn.estimator import Estimator
from xpcnn.training import History
from xpcnn.types import Shape


@advised
class CNNClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier of scikit-learn that trains a convolutional network.

    Args:
        model: the network. The name of a preset, such as "small", or the path of a preset file: the
            number of outputs follows from the classes, and the parameters below override its
            training options. Or layers, as in `xpcnn.Model`, trained with the defaults of
            `Model.fit`. None: the preset "digits" for images; Dense(64), ReLU, Dense(classes) for
            rows of features.
        image_shape: (c, h, w), or (h, w) for grey images, if rows of X are images. None: rows of X
            (n, features) are features, and X (n, c, h, w) has images.
        epochs, batch_size, optimizer: as in `xpcnn.Model.fit`; None for those of the preset.
        lr: learning rate; None for that of the optimizer.
        loss: an object of `xpcnn.losses` or a name; None for that of the preset, or cross-entropy.
        options: further training options by name, such as {"augment": [...], "clip_norm": 1.0}.
        backend, device: the array library to compute on, as in `xpcnn.Model`.
        dtype: "float32" or "float64". None: float32 for images, float64 for rows of features, for
            which a sample of weight 2 then equals the sample twice to within 1e-7.
        random_state: seed of parameters, order, dropout and augmentation: a whole number; a
            RandomState to draw it from; None for a new seed at every `fit`.

    X is (n, features) or (n, c, h, w): uint8, float32, or float64, which is rounded to float32;
    other numbers become float32. `fit` and the first `partial_fit` compute mean and deviation of
    each channel or feature of X and normalise by them, so X needs no scaling. Only a feature that
    varies by less than a millionth of its size, such as a time in seconds since 1970, loses its
    differences in float32: subtract its first value.

    Attributes:
        classes_: the labels (classes,), sorted; n_features_in_: size of X's second axis.
        model_: the trained `xpcnn.Model`, which `save` writes to a file.
        history_: the `xpcnn.training.History` of the last call.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Args:
            X: samples; see the class.
            y: labels (n,) of two classes or more: numbers or texts.
            sample_weight: how much each sample counts (n,), numbers of at least 0. The loss of a
                batch of n samples is (1/n) sum_i w_i loss_i, with w scaled to mean 1 over X;
                samples of weight 0 take no part.

        Raises:
            ValueError: X, y or a parameter is not valid.
        """
        x, y = self._read(X, y=y)
        _check_labels(y)
        classes, indices = numpy.unique(y, return_inverse=True)
        weights = self._weights(x, sample_weight)
        self._start_classes(x, weights, classes)
        return self._fit(x, indices, weights)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train the present network for one more epoch, on X, at a constant learning rate.

        The optimizer starts anew at every call: its state, such as momentum, is not kept.

        Args:
            X, y, sample_weight: as in `fit`.
            classes: all labels of this and later calls; required in the first call, and equal or
                None later.

        Raises:
            ValueError: X, y or a parameter is not valid, or y has labels that are not in classes.
        """
        is_first = not hasattr(self, "model_")
        x, y = self._read(X, y=y, reset=is_first)
        _check_labels(y)
        weights = self._weights(x, sample_weight)
        if is_first:
            if classes is None:
                message = "classes must be passed on the first call to partial_fit"
                raise LabelError(hint(message, "classes=numpy.unique(y) of all labels to come"))
            known = numpy.unique(classes)
        else:
            known = self.classes_
            if classes is not None and not numpy.array_equal(numpy.unique(classes), known):
                message = "classes are others than in the first call to partial_fit"
                raise LabelError(hint(message, "a new estimator, for other classes"))
        foreign = numpy.setdiff1d(y, known)
        if foreign.size:
            message = f"y has {counted(foreign.size, 'label')} not in classes, such as {foreign[0]}"
            raise LabelError(hint(message, "classes=... with every label in the first call"))
        if is_first:
            self._start_classes(x, weights, known)
        return self._train_further(x, numpy.searchsorted(known, y), weights)

    def predict(self, X: Any) -> numpy.ndarray:
        """Return the label of the most probable class of each sample (n,)."""
        samples = self._samples(X)
        labels: numpy.ndarray = self.classes_[self.model_.predict(samples)]
        return labels

    def predict_proba(self, X: Any) -> numpy.ndarray:
        """Return probabilities (n, classes), in the order of `classes_`."""
        samples = self._samples(X)
        probabilities: numpy.ndarray = self.model_.predict_proba(samples)
        return probabilities

    def _start_classes(
        self, x: numpy.ndarray, weights: numpy.ndarray | None, classes: numpy.ndarray
    ) -> None:
        if len(classes) < 2:
            message = f"y has one class, {classes[0]}, expected two or more"
            raise LabelError(hint(message, "samples of another class"))
        self._start(x, weights, len(classes), tuple(str(label) for label in classes))
        self.classes_ = classes

    def _adapted(self, found: Preset, shape: Shape, outputs: int) -> Preset:
        return found.for_data(shape, outputs)

    def _train(self, x: numpy.ndarray, y: Any, weights: numpy.ndarray | None) -> History:
        how = self.training_options_
        history: History = self.model_.fit(
            x, y, how, sample_weights=weights, seed=self.seed_, progress=False
        )
        return history


def _check_labels(y: numpy.ndarray) -> None:
    """Require labels that name classes and can be brought into order."""
    try:
        check_classification_targets(y)
        numpy.unique(y)
    except TypeError as error:  # of a comparison
        kinds = ", ".join(sorted({type(label).__name__ for label in y}))
        advice = "texts, or numbers, for all; leave out samples without one"
        raise LabelError(hint(f"y has labels of several types: {kinds}", advice)) from error
