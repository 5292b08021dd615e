"""The state of a model: its network, class names and provenance; getting and setting weights."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy

from xpcnn.argument_advice import no_attribute
from xpcnn.backend import Backend
from xpcnn.data.dataset import Dataset
from xpcnn.data.reading import Reading, observed
from xpcnn.errors import ArgumentError, ConfigError, hint
from xpcnn.io.network_file import Facts
from xpcnn.layers import Layer
from xpcnn.losses import Loss
from xpcnn.network import Network, OfNetwork
from xpcnn.options import check_count
from xpcnn.summary import Summary, summarize
from xpcnn.tasks import MultiLabel, Task
from xpcnn.types import Array, Params, Shape
from xpcnn.weights import by_path, normalisation, replaced


class ModelState:
    """A network, the names of its classes, how pictures are read for it, and its provenance.

    The attributes of the network are attributes of the model too.
    """

    network: Network
    seed: int
    classes: tuple[str, ...] | None
    reading: Reading | None
    provenance: dict[str, Any]

    layers = OfNetwork[Layer]()
    loss = OfNetwork[Loss]()
    task = OfNetwork[Task]()
    params = OfNetwork[Params]()
    buffers = OfNetwork[Params]()
    backend = OfNetwork[Backend]()
    dtype = OfNetwork[str]()
    compute_dtype = OfNetwork[str]()
    input_shape = OfNetwork[Shape]()
    output_shape = OfNetwork[Shape]()
    mean = OfNetwork[tuple[float, ...] | None]()
    std = OfNetwork[tuple[float, ...] | None]()

    def get_weights(self) -> dict[str, numpy.ndarray]:
        """Return copies of all parameters and running statistics by path: "layers.0.weight"."""
        self._require_not_in_training()
        arrays = by_path(self.host_arrays(self.params), self.host_arrays(self.buffers))
        return {path: numpy.array(x, order="C") for path, x in arrays.items()}

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Replace parameters and running statistics.

        Args:
            weights: arrays by path, as `get_weights` returns them; paths left out stay as they are.
                NumPy arrays or arrays of the model's backend, of the same shapes; they are copied,
                in the dtype of the model.

        Raises:
            ConfigError, ShapeError, DTypeError, DataError: a path is unknown, or an array has
                another shape, is not of numbers, or holds NaN or infinity; nothing is replaced.
        """
        self._require_not_in_training()
        network = self.network
        self.params, self.buffers = replaced(
            network.params, network.buffers, weights, network.backend, network.dtype
        )

    def set_normalisation(
        self, mean: float | Sequence[float], std: float | Sequence[float]
    ) -> None:
        """Set the numbers by which samples are normalised: (x - mean) / std.

        A `fit` after this keeps them. `save` writes them to the file.

        Args:
            mean: mean in the units of raw samples: one number, or one for each channel.
            std: standard deviation, above 0: one number, or one for each channel. mean=0.0,
                std=255.0 maps 0 to 255 onto 0 to 1.

        Raises:
            ConfigError: not as many numbers as channels, NaN or infinity, or std not above 0.
        """
        self.mean, self.std = normalisation(mean, std, self.input_shape[0])

    def set_thresholds(self, thresholds: Sequence[float] | None) -> None:
        """Set the probability of each label from which on `predict` returns 1.

        `save` writes them to the file; `xpcnn.target_report` shows the best ones for some data.

        Args:
            thresholds: numbers above 0 and below 1, one for each label; None for 0.5.

        Raises:
            ConfigError: the task of the model is not "multi-label", there are not as many numbers
                as labels, or one is out of range.
        """
        if not isinstance(self.task, MultiLabel):
            message = f"thresholds are of several labels, and the task is {self.task.name}"
            raise ConfigError(hint(message, "Model(..., task='multi-label')"))
        task = MultiLabel(None if thresholds is None else tuple(thresholds))
        names = self.classes or tuple(map(str, range(self.output_shape[0])))
        task.check(self.output_shape[0], self.loss, names)
        self.task = task

    def summary(self, batch_size: int = 64) -> Summary:
        """Return shapes, parameters, multiply-adds and memory, layer by layer; print the result.

        batch_size: samples in a batch, for the memory of training.
        """
        check_count("batch_size", batch_size)
        itemsize = numpy.dtype(self.dtype).itemsize
        return summarize(self.layers, self.input_shape, batch_size, itemsize)

    def host_arrays(self, tree: Params) -> Params:
        """Return parameters or buffers as NumPy arrays, nested by layer as they are."""
        return self.network.host_arrays(tree)

    def _adapt(self, train: Dataset) -> None:
        """Set from the data of a `fit` what the model does not have yet: class names, mean, ..."""
        self.network.adapt(train)
        if self.reading is None and len(self.input_shape) == 3:
            self.reading = train.reading or observed(train.images)
        if self.classes is None:
            self.classes = train.classes

    @contextmanager
    def _unchanged_by_errors(self) -> Iterator[None]:
        """Undo what `_adapt` did if the block raises an error."""
        names = ("mean", "std", "loss", "task", "reading", "classes")
        before = {name: getattr(self, name) for name in names}
        try:
            yield
        except Exception:
            for name, value in before.items():
                setattr(self, name, value)
            raise

    def _require_not_in_training(self) -> None:
        """Require that no `fit` of the model is going on, as it is where callbacks are called.

        Until it ends, the model has the weights of before, and others given to it would be lost.

        Raises:
            ConfigError: the model is being trained.
        """
        if self.network.in_training:
            message = "the model is being trained: until fit ends, it has its earlier weights"
            advice = (
                "the method on_snapshot(self, snapshot) of a callback: snapshot.network has the "
                "current weights, and training continues from those that you set there"
            )
            raise ConfigError(hint(message, advice))

    def _facts(self) -> Facts:
        return Facts(self.seed, self.classes, self.reading, self.provenance)

    def __repr__(self) -> str:
        count = summarize(self.layers, self.input_shape).parameters
        return (
            f"Model({type(self.layers).__name__} of {count:,} parameters, "
            f"input_shape={self.input_shape}, backend={self.backend.name!r})"
        )

    def __copy__(self) -> Self:
        """Return a second model that shares the arrays, which are never written into."""
        self._require_not_in_training()
        copied = object.__new__(type(self))
        vars(copied).update(vars(self), network=copy.copy(self.network))
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = copy.copy(self)
        memo[id(self)] = copied
        for name, value in vars(self).items():
            setattr(copied, name, copy.deepcopy(value, memo))
        return copied

    if not TYPE_CHECKING:  # to type checkers, unknown attributes are unknown

        def __getattr__(self, name: str) -> NoReturn:
            """Say what to write in place of an attribute that models have elsewhere."""
            raise no_attribute("Model", name, dir(self))

    def __call__(self, *samples: Any, **options: Any) -> NoReturn:
        """Reject `model(x)`, which means scores in one library and probabilities in another."""
        advice = "model.predict_scores(samples), or model.predict_proba(samples)"
        raise ArgumentError(hint("a Model is not called as a function", advice))
