"""Network: what is trained. Layers and a loss, with parameters and buffers on a backend."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar, overload

import numpy

from xpcnn.backend import Backend
from xpcnn.backend import load as load_backend
from xpcnn.data.dataset import Dataset
from xpcnn.data.images import channels_last
from xpcnn.data.stored import Images, Stored
from xpcnn.errors import ConfigError, DataWarning, ShapeError, hint, reason_of, warn_user
from xpcnn.initializers import Draw
from xpcnn.layers import Context, Layer, Sequential, Sigmoid, Softmax
from xpcnn.layers.mixed_precision import MixedPrecision, wide_layers
from xpcnn.layers.rebuilding import is_of_xpcnn, last_layer
from xpcnn.losses import (
    BCEWithLogits,
    Focal,
    Loss,
    SoftmaxCrossEntropy,
    balanced,
    check_weights,
    with_weights,
)
from xpcnn.model_arguments import as_input_shape, as_loss, check_dtype, dtype_of_arrays
from xpcnn.samples import Samples, StoredSamples
from xpcnn.sizes import check_weights_fit
from xpcnn.tasks import Task, as_task
from xpcnn.types import Array, Params, Shape, map_tree

T = TypeVar("T")

CONTAINED_IN = {Softmax: (SoftmaxCrossEntropy,), Sigmoid: (BCEWithLogits, Focal)}
"""Losses of scores that apply an activation themselves."""


class Network:
    """Layers, a loss and their arrays: what training, files and trials work on.

    `Model` has a network, and adds class names, data and the methods for users.

    layers, loss, task: frozen descriptions.
    params, buffers: arrays of parameters and running statistics, nested by layer, on `backend`.
    dtype: dtype of all of these arrays, "float32" or "float64".
    compute_dtype: what `computing` computes in; `dtype` follows from it.
    input_shape: shape of a sample, (c, h, w) or (c,).
    output_shape: shape of the scores of a sample, (outputs,).
    mean, std: numbers by which raw samples are normalised, one per channel; None before training.
    in_training: whether a run trains it: until the run ends, `params` are those of before.
    """

    in_training = False

    def __init__(
        self,
        layers: Layer | Sequence[Layer],
        *,
        input_shape: Shape,
        backend: str | Backend = "numpy",
        device: str | int | None = None,
        seed: int = 0,
        loss: Loss | str | None = None,
        dtype: str = "float32",
        task: Task | str | None = None,
        saved: bool = False,
    ) -> None:
        """Draw the parameters; the arguments are those of `Model`.

        saved: whether it was trained as it is, so that a fault in it is warned of, not rejected.

        Raises:
            ConfigError, ShapeError, BackendError: an argument is not valid, or they do not match.
            ConfigError: the parameters need more memory than there is.
        """
        self.compute_dtype = check_dtype(dtype)
        alone = isinstance(layers, Layer) and not isinstance(layers, type)
        self.layers: Layer = layers if alone else Sequential(layers)  # type: ignore[arg-type, assignment]  # rejected there
        self.input_shape: Shape = as_input_shape(input_shape)
        self.backend = backend if isinstance(backend, Backend) else load_backend(backend, device)
        self.backend.check_computes_in(dtype, saved)
        self.task = as_task(task)
        self.loss: Loss = self.task.default_loss() if loss is None else as_loss(loss)
        self.task.check_loss(self.loss)
        last, loss_type = last_layer(self.layers), type(self.loss)
        if isinstance(last, Softmax | Sigmoid) and loss_type in CONTAINED_IN[type(last)]:
            name = type(last).__name__
            message = f"the network ends with {name}, which the loss {loss_type.__name__} contains"
            if not saved:
                advice = f"leave the {name} layer out; predict_proba applies it"
                raise ConfigError(hint(message, advice))
            message += ": probabilities and gradients pass it twice"
            advice = f"xpcnn.load_weights(model, path) of a model without the {name}, then train it"
            warn_user(hint(message, advice), DataWarning)
        self.mean: tuple[float, ...] | None = None
        self.std: tuple[float, ...] | None = None
        try:
            if is_of_xpcnn(self.layers):  # a layer of the user's own may need values to be drawn
                check_weights_fit(self.layers, self.input_shape)
            params, buffers, self.output_shape = self.layers.init(self.input_shape, Draw(seed))
        except ShapeError as error:
            if not channels_last((1, *self.input_shape)):
                raise
            h, w, c = self.input_shape
            message = f"{reason_of(error)}\ninput_shape {self.input_shape} looks channels-last"
            raise ShapeError(hint(message, f"input_shape={(c, h, w)}")) from error
        if len(self.output_shape) != 1:
            raise ShapeError(
                hint(
                    f"the network makes {self.output_shape} of a sample, expected a row of scores",
                    "a Flatten() and a Dense(classes) layer at its end",
                )
            )
        check_weights(self.loss, self.output_shape[0])
        self.params: Params = self._to_device(params)
        self.buffers: Params = self._to_device(buffers)
        self._replay = self.backend.replay(_may_record)

    @property
    def dtype(self) -> str:
        return dtype_of_arrays(self.compute_dtype)

    @property
    def computing(self) -> Layer:
        """The layers as they compute: where `compute_dtype` is half precision, in that."""
        if self.compute_dtype == self.dtype:
            return self.layers
        half = self.backend.dtype(self.compute_dtype)
        return MixedPrecision(self.layers, half, wide_layers(self.layers))

    def adapt(self, train: Dataset) -> None:
        """Compute from training data what is not set yet: mean, deviation, "balanced" loss weights;
        for regression, mean and deviation of the targets."""
        counts = self.task.counts(train.labels, len(train.classes))
        self.loss = balanced(self.loss, counts, self.output_shape[0], len(train))
        self.task = self.task.adapted(train.labels)
        if self.mean is None:
            self.mean, self.std = train.mean, train.std

    @contextmanager
    def training(self) -> Iterator[None]:
        """Say in `in_training` that a run trains the network, while the block runs."""
        self.in_training = True
        try:
            yield
        finally:
            self.in_training = False

    def scores(self, x: Array) -> Array:
        """Return the scores (n, outputs) of normalised samples in inference."""
        if self.compute_dtype != self.dtype:
            return _inference(x, self.computing, self.params, self.buffers)
        return self._replay(_inference, None, x, self.layers, self.params, self.buffers)

    def samples(
        self,
        raw: Images,
        labels: numpy.ndarray | None,
        weights: numpy.ndarray | None = None,
    ) -> Samples:
        """Move raw samples to the device, with mean and std to normalise by.

        raw: an array; or images on disk, of which each batch is moved when it is used.
        weights: how much each sample counts in the loss, (n,) of mean 1; see `losses`.
        """
        if labels is not None:
            labels = self.task.scaled(labels, self.dtype)
        if labels is not None and weights is not None:
            labels = with_weights(labels, weights.astype(self.dtype), self.output_shape[0])
        channels = self.input_shape[0]
        mean = (0.0,) * channels if self.mean is None else self.mean
        std = (1.0,) * channels if self.std is None else self.std
        from_host = self.backend.from_host
        rest = (
            None if labels is None else from_host(labels),
            from_host(numpy.asarray(mean, dtype=self.dtype)),
            from_host(numpy.asarray(std, dtype=self.dtype)),
        )
        if isinstance(raw, Stored):
            return StoredSamples(raw, *rest, self.input_shape, self.backend)
        return Samples(from_host(raw.reshape(len(raw), *self.input_shape)), *rest)

    def to(self, backend: str | Backend, device: str | int | None = None) -> "Network":
        """Return a copy of the network on another backend."""
        moved = copy.copy(self)
        moved.backend = backend if isinstance(backend, Backend) else load_backend(backend, device)
        moved.backend.check_computes_in(self.compute_dtype)
        moved._replay = moved.backend.replay(_may_record)
        moved.params = moved._to_device(self.host_arrays(self.params))
        moved.buffers = moved._to_device(self.host_arrays(self.buffers))
        return moved

    def host_arrays(self, tree: Params) -> Params:
        """Return parameters or buffers as NumPy arrays."""
        return map_tree(tree, self.backend.to_host)

    def _to_device(self, tree: Params) -> Params:
        """Return host arrays as device arrays of the network's dtype."""
        return map_tree(tree, lambda x: self.backend.from_host(x.astype(self.dtype)))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Network":
        copied = copy.copy(self)
        memo[id(self)] = copied
        for name, value in vars(self).items():
            if name not in ("layers", "params", "buffers"):  # layers are frozen
                setattr(copied, name, copy.deepcopy(value, memo))
        copied.params, copied.buffers = self._copied(self.params), self._copied(self.buffers)
        return copied

    def _copied(self, tree: Params) -> Params:
        return map_tree(tree, lambda x: self.backend.xp.asarray(x, copy=True))


def _inference(x: Array, layers: Layer, params: Params, buffers: Params) -> Array:
    return layers.forward(params, buffers, x, Context())[0]


def _may_record(layers: Layer, params: Params, buffers: Params) -> bool:
    """Whether a forward pass does the same whatever numbers the arrays hold.

    A layer of the user's own may read a number of an array and decide by it.
    """
    return is_of_xpcnn(layers)


class HasNetwork(Protocol):
    network: Network


class OfNetwork(Generic[T]):
    """An attribute of an object that is read from and written to its network, under its name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, holder: None, owner: type) -> "OfNetwork[T]": ...
    @overload
    def __get__(self, holder: HasNetwork, owner: type) -> T: ...
    def __get__(self, holder: HasNetwork | None, owner: type) -> "OfNetwork[T] | T":
        if holder is None:
            return self
        found: T = getattr(holder.network, self.name)
        return found

    def __set__(self, holder: HasNetwork, value: T) -> None:
        setattr(holder.network, self.name, value)
