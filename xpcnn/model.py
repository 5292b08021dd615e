"""Model: layers, their parameters and a backend, and what people do with them."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy

import xpcnn
from xpcnn import backend as door
from xpcnn.backend import Backend
from xpcnn.data.augment import views_of
from xpcnn.data.dataset import Dataset
from xpcnn.data.reading import Reading, observed
from xpcnn.data.split import split
from xpcnn.errors import (
    ArgumentError,
    ConfigError,
    DataError,
    ShapeError,
    hint,
)
from xpcnn.habits import advised, no_attribute
from xpcnn.initializers import Draw
from xpcnn.inputs import (
    Data,
    as_classes,
    as_dataset,
    as_input_shape,
    as_loss,
    as_pair,
    as_samples,
    balanced_loss,
    check_outputs,
    check_seed,
    warn_of_scale,
)
from xpcnn.layers import Context, Layer, Sequential, Softmax
from xpcnn.losses import Loss, SoftmaxCrossEntropy, check_weights
from xpcnn.samples import Samples
from xpcnn.summary import Summary, summarize
from xpcnn.training import Callback, Checkpoints, History, evaluate, fit
from xpcnn.training.callbacks import check_callbacks
from xpcnn.training.checkpoints import check_checkpoints
from xpcnn.training.options import check_count, check_switches, training_options
from xpcnn.training.progress import ProgressBar, is_shown
from xpcnn.training.saver import Saver
from xpcnn.types import Array, Params, Shape, map_tree
from xpcnn.weights import by_path, normalisation, replaced


@advised
class Model:
    """A network with its parameters on a backend.

    A model tells classes apart: its samples are images (c, h, w) or rows of features (c,), its
    labels whole numbers, one class each.

    Args:
        layers: the network; a list of layers means `Sequential`.
        input_shape: shape of one sample, (c, h, w) or (c,).
        backend: name of an array library, or an open `Backend`.
        device: device of the backend, by name or number.
        seed: what the initial parameters depend on, and the default seed of `fit`.
        loss: what training makes small, an object of `xpcnn.losses` or a name: "cross-entropy" (the
            default, SoftmaxCrossEntropy), "bce" or "mse".
        classes: names of the classes; taken from the data of the first `fit` otherwise.
        dtype: "float32" or, for checking, "float64".

    Raw samples go in everywhere: the first `fit` takes mean and deviation per channel from its
    data, the model applies them from then on, and its file keeps them. A call that fails leaves the
    model as it was. `provenance` tells how the parameters came about, `reading` how picture files
    become samples (see `xpcnn.data.reading`); the file keeps both.

    `copy.deepcopy` and pickle make an independent model. A pickle holds the bytes of the model's
    file, the import paths of layer classes of your own, and the name of the backend, which is
    opened again. Two models are equal only if they are one object.
    """

    def __init__(
        self,
        layers: Layer | Sequence[Layer],
        *,
        input_shape: Shape,
        backend: str | Backend = "numpy",
        device: str | int | None = None,
        seed: int = 0,
        loss: Loss | str | None = None,
        classes: Sequence[str] | None = None,
        dtype: str = "float32",
    ) -> None:
        check_seed(seed)
        if dtype not in ("float32", "float64"):
            message = f"dtype is {dtype!r}, expected 'float32' or 'float64'"
            raise ConfigError(hint(message, 'dtype="float32"'))
        alone = isinstance(layers, Layer) and not isinstance(layers, type)
        self.layers: Layer = layers if alone else Sequential(layers)  # type: ignore[arg-type, assignment]  # refused there
        self.input_shape: Shape = as_input_shape(input_shape)
        self.backend = backend if isinstance(backend, Backend) else door.load(backend, device)
        self.seed = seed
        self.loss: Loss = as_loss(loss)
        last = self.layers.layers[-1] if isinstance(self.layers, Sequential) else None
        if isinstance(last, Softmax) and isinstance(self.loss, SoftmaxCrossEntropy):
            raise ConfigError(
                hint(
                    "the network ends with Softmax, which the loss SoftmaxCrossEntropy contains",
                    "leave the Softmax layer out; predict_proba applies it",
                )
            )
        self.dtype = dtype
        self.mean: tuple[float, ...] | None = None
        self.std: tuple[float, ...] | None = None
        self.reading: Reading | None = None
        self.provenance: dict[str, Any] = {}
        self.classes: tuple[str, ...] | None = None if classes is None else as_classes(classes)
        params, buffers, self.output_shape = self.layers.init(self.input_shape, Draw(seed))
        if len(self.output_shape) != 1:
            raise ShapeError(
                hint(
                    f"the network makes {self.output_shape} of a sample, expected a row of scores",
                    "a Flatten() and a Dense(classes) layer at its end",
                )
            )
        check_weights(self.loss, self.output_shape[0])
        if self.classes is not None:
            check_outputs(self.output_shape[0], self.loss, self.classes)
        self.params: Params = self._to_device(params)
        self.buffers: Params = self._to_device(buffers)

    def __repr__(self) -> str:
        count = summarize(self.layers, self.input_shape).parameters
        return (
            f"Model({type(self.layers).__name__} of {count:,} parameters, "
            f"input_shape={self.input_shape}, backend={self.backend.name!r})"
        )

    if not TYPE_CHECKING:  # to type checkers, unknown attributes are unknown

        def __getattr__(self, name: str) -> NoReturn:
            """Say what to write in place of an attribute that models have elsewhere."""
            raise no_attribute("Model", name, dir(self))

    def __call__(self, *samples: Any, **options: Any) -> NoReturn:
        """Reject `model(x)`, which means scores in one library and probabilities in another.

        Raises:
            ArgumentError: always.
        """
        advice = "model.predict_scores(samples), or model.predict_proba(samples)"
        raise ArgumentError(hint("a Model is not called as a function", advice))

    @advised
    def fit(
        self,
        data: Data | Array,
        labels: Any = None,
        *,
        validation: Data | float | None = None,
        seed: int | None = None,
        callbacks: Iterable[Callback] | None = (),
        checkpoints: Checkpoints | None = None,
        resume: bool = False,
        health: bool | None = None,
        progress: bool = True,
        **options: Any,
    ) -> History:
        """Train on `data`, starting from the present parameters.

        Args:
            data, labels: a Dataset, or samples and their labels: `fit(dataset)`, `fit((x, y))` and
                `fit(x, y)` are all right.
            validation: data to evaluate on after every epoch, or the part of `data` (a fraction,
                chosen by hash) to keep aside for it.
            seed: of shuffling, dropout and augmentation; the model's by default.
            callbacks: see `xpcnn.training.Callback`.
            checkpoints: where to save the run so that it can go on.
            resume: go on from the newest checkpoint, if there is one; everything else must be as it
                was when the run was started.
            health: by default a loss that jumps and stays at chance gives a note and a
                `HealthWarning`. True: notes of that, of overfitting, and of what a look at the
                network shows at the start and after epochs 1, 2, 4, 8, ..., no warning; see
                `xpcnn.training.health`. False: neither.
            progress: whether to show a bar with the loss, on a terminal or in a notebook.
            options: epochs, batch_size, optimizer, schedule, clip_norm, augment, ema, patience and
                the others of `xpcnn.training.TrainingOptions`.

        Returns:
            the history, one record per epoch.
        """
        chosen = training_options(options)
        heard = check_callbacks(callbacks)
        check_switches(resume=resume, progress=progress)
        if health is not None:
            check_switches(health=health)
        check_checkpoints(checkpoints, resume)
        seed = self.seed if seed is None else check_seed(seed)
        train, held_out = self.parts(as_pair(data, labels), validation, seed)
        warn_of_scale(train.images, self.mean, self.std)
        if held_out is not None and isinstance(validation, Dataset | tuple):
            mean, std = self.mean or train.mean, self.std or train.std
            warn_of_scale(held_out.images, mean, std)
        before = self.mean, self.std, self.classes, self.reading, self.loss
        self.loss = balanced_loss(self.loss, train, self.output_shape[0])
        if self.mean is None:
            self.mean, self.std = train.mean, train.std
        if self.reading is None and len(self.input_shape) == 3:
            self.reading = train.reading or observed(train.images)
        if self.classes is None:
            self.classes = train.classes
        try:
            samples = self.samples(train.images, train.labels)
            others = None if held_out is None else self.samples(held_out.images, held_out.labels)
            with ExitStack() as stack:
                saver = None
                if checkpoints is not None:
                    stack.enter_context(checkpoints.locked())
                    parts = [part.digest() for part in (train, held_out) if part is not None]
                    saver = Saver(checkpoints, self, chosen, seed, " ".join(parts), resume)
                if progress and is_shown():
                    heard = (*heard, stack.enter_context(ProgressBar(chosen.epochs)))
                stack.enter_context(self.backend.session())
                stack.enter_context(numpy.errstate(all="ignore"))  # `fit` tells of divergence
                history = fit(self, samples, others, chosen, seed, heard, saver, health)
        except Exception:
            self.mean, self.std, self.classes, self.reading, self.loss = before
            raise
        self.provenance = {
            "xpcnn": xpcnn.__version__,
            "backend": self.backend.name,
            "data": train.name,
            "data_hash": train.digest(),
            "options": f"{chosen}, seed={seed}",
            **{name: history[name][-1] for name in ("loss", "accuracy") if len(history)},
        }
        return history

    @advised
    def evaluate(
        self, data: Data | Array, labels: Any = None, *, batch_size: int = 256
    ) -> dict[str, float]:
        """Return mean loss and accuracy on data as of `fit`: {"loss": ..., "accuracy": ...}.

        Warns (`errors.DataWarning`) of samples on another scale than those trained on, as `predict`
        does.
        """
        data = self.checked(as_pair(data, labels))
        warn_of_scale(data.images, self.mean, self.std)
        samples = self.samples(data.images, data.labels)
        with self.backend.session():
            return evaluate(self, samples, batch_size)

    @advised
    def predict(self, samples: Array, *, batch_size: int = 256) -> numpy.ndarray:
        """Return the most probable class of each raw sample: integers (n,), on the host.

        Warns (`errors.DataWarning`) of samples on another scale than those trained on, such as
        images from 0 to 1 where the model knows 0 to 255.
        """
        return self._map(samples, batch_size, lambda x: self.loss.decide(self._scores(x)))

    @advised
    def predict_proba(
        self, samples: Array, *, batch_size: int = 256, views: Sequence[str] = ("identity",)
    ) -> numpy.ndarray:
        """Return the probability of each class for each raw sample: (n, classes), on the host.

        views: what to see of each sample, "identity" or "flip"; of several, the mean.
        """
        chosen = views_of(views)

        def mean(x: Array) -> Array:
            first, *others = (self.loss.probabilities(self._scores(view(x))) for view in chosen)
            return sum(others, start=first) / len(chosen)

        return self._map(samples, batch_size, mean)

    @advised
    def predict_scores(self, samples: Array, *, batch_size: int = 256) -> numpy.ndarray:
        """Return what the network makes of each raw sample: (n, outputs), on the host.

        The scores before the loss makes probabilities of them, such as logits. Warns as `predict`.
        """
        return self._map(samples, batch_size, self._scores)

    def get_weights(self) -> dict[str, numpy.ndarray]:
        """Return copies of all parameters and running statistics by path: "layers.0.weight"."""
        arrays = by_path(self.host_arrays(self.params), self.host_arrays(self.buffers))
        return {path: numpy.array(x, order="C") for path, x in arrays.items()}

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Replace some or all parameters and running statistics, by path as in `get_weights`.

        Arrays of the host or of the model's backend, of the same shapes; they are copied, in the
        dtype of the model. Those not given stay, and if one is rejected, all stay.

        Raises:
            ConfigError, ShapeError, DTypeError, DataError: an unknown path, another shape, no
                numbers, or NaN or infinity among them.
        """
        self.params, self.buffers = replaced(
            self.params, self.buffers, weights, self.backend, self.dtype
        )

    def set_normalisation(
        self, mean: float | Sequence[float], std: float | Sequence[float]
    ) -> None:
        """Set what samples are normalised by: (x - mean) / std, for all channels or for each.

        In the units of raw samples, such as mean=0.0, std=255.0 for 0 to 255. Set before the first
        `fit`, `fit` keeps them; `save` does too.

        Raises:
            ConfigError: another number of channels, NaN or infinity, or std not above 0.
        """
        self.mean, self.std = normalisation(mean, std, self.input_shape[0])

    def summary(self, batch_size: int = 64) -> Summary:
        """Return shapes, parameters, multiply-adds and memory, layer by layer; print it."""
        itemsize = numpy.dtype(self.dtype).itemsize
        return summarize(self.layers, self.input_shape, batch_size, itemsize)

    def save(self, path: str | Path) -> None:
        """Write the model to one file, readable on any backend.

        Raises:
            ConfigError: the model holds a layer that no file can describe.
            CheckpointError: the file cannot be written; one that was there before is untouched.
        """
        from xpcnn.io.models import save_model

        save_model(self, path)

    def to(self, backend: str | Backend, device: str | int | None = None) -> "Model":
        """Return the same model on another backend; this one stays as it is."""
        moved = copy.copy(self)
        moved.provenance = dict(self.provenance)
        moved.backend = backend if isinstance(backend, Backend) else door.load(backend, device)
        moved.params = moved._to_device(self.host_arrays(self.params))
        moved.buffers = moved._to_device(self.host_arrays(self.buffers))
        return moved

    def __copy__(self) -> "Model":
        """Return a second model that shares the arrays, into which nobody writes."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> "Model":
        twin = copy.copy(self)
        memo[id(self)] = twin
        for name, value in vars(self).items():
            if name not in ("layers", "params", "buffers"):  # layers are frozen
                setattr(twin, name, copy.deepcopy(value, memo))
        twin.params, twin.buffers = self._copied(self.params), self._copied(self.buffers)
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        from xpcnn.io.models import pickled_model

        return pickled_model(self)

    def _copied(self, tree: Params) -> Params:
        return map_tree(tree, lambda x: self.backend.xp.asarray(x, copy=True))

    def host_arrays(self, tree: Params) -> Params:
        """Return parameters or buffers as NumPy arrays."""
        return map_tree(tree, self.backend.to_host)

    def _to_device(self, tree: Params) -> Params:
        """Return host arrays as device arrays of the model's dtype."""
        return map_tree(tree, lambda x: self.backend.from_host(x.astype(self.dtype)))

    def _map(
        self, samples: Array, batch_size: int, read: Callable[[Array], Array]
    ) -> numpy.ndarray:
        """Return what `read` makes of raw samples, normalised, batch by batch."""
        check_count("batch_size", batch_size)
        raw = as_samples(samples, self.backend, self.input_shape)
        warn_of_scale(raw, self.mean, self.std)
        if len(raw) == 0:  # what one sample would give, without it
            return self._map(numpy.zeros((1, *self.input_shape), "f4"), 1, read)[:0]
        parts = []
        with self.backend.session():
            for x, _ in self.samples(raw, None).batches(batch_size):
                parts.append(read(x))
        return self.backend.to_host(self.backend.xp.concat(parts, axis=0))

    def _scores(self, x: Array) -> Array:
        """Return the scores of normalised samples (n, outputs)."""
        return self.layers.forward(self.params, self.buffers, x, Context())[0]

    def checked(self, data: Data) -> Dataset:
        """Return a data set that fits the model, its labels and values checked."""
        return as_dataset(
            data, self.backend, self.input_shape, self.output_shape[0], self.loss, self.classes
        )

    def parts(
        self, data: Data, validation: Data | float | None, seed: int
    ) -> tuple[Dataset, Dataset | None]:
        """Return what to train and what to validate on, of arguments as of `fit`."""
        train = self.checked(data)
        if isinstance(validation, Real) and not isinstance(validation, bool):
            return split(train, float(validation), seed)
        if not isinstance(validation, Dataset | tuple | None):
            message = f"validation is a {type(validation).__name__}, expected data or a fraction"
            raise DataError(hint(message, "validation=0.1, a tenth of the training data"))
        return train, None if validation is None else self.checked(validation)

    def samples(self, raw: numpy.ndarray, labels: numpy.ndarray | None) -> Samples:
        """Move raw samples to the device, with what normalises them."""
        channels = self.input_shape[0]
        mean = (0.0,) * channels if self.mean is None else self.mean
        std = (1.0,) * channels if self.std is None else self.std
        from_host = self.backend.from_host
        return Samples(
            from_host(raw.reshape(len(raw), *self.input_shape)),
            None if labels is None else from_host(labels),
            from_host(numpy.asarray(mean, dtype=self.dtype)),
            from_host(numpy.asarray(std, dtype=self.dtype)),
        )
