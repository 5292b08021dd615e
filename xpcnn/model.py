"""Model: a network with classes, and what people do with it."""

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from numbers import Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

import numpy

from xpcnn.backend import Backend
from xpcnn.data.augment import views_of
from xpcnn.data.dataset import Dataset
from xpcnn.data.holdout import split
from xpcnn.data.reading import Reading, observed
from xpcnn.errors import (
    ArgumentError,
    BackendError,
    DataError,
    hint,
    with_context,
)
from xpcnn.habits import advised, no_attribute
from xpcnn.inputs import (
    Data,
    as_classes,
    as_dataset,
    as_pair,
    as_samples,
    as_weights,
    balanced_loss,
    check_outputs,
    check_seed,
    warn_of_scale,
)
from xpcnn.io import models
from xpcnn.io.weights import LoadedWeights, take_weights
from xpcnn.layers import Layer
from xpcnn.losses import Loss
from xpcnn.network import Network, OfNetwork
from xpcnn.summary import Summary, summarize
from xpcnn.training import Callback, Checkpoints, History, Run, TrainingOptions, evaluate
from xpcnn.training.callbacks import check_callbacks
from xpcnn.training.checkpoints import check_checkpoints
from xpcnn.training.options import check_count, check_switches, training_options
from xpcnn.training.progress_bar import ProgressBar, is_shown
from xpcnn.training.saver import Saver
from xpcnn.types import Array, Params, Shape
from xpcnn.version import VERSION
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

    layers = OfNetwork[Layer]()
    loss = OfNetwork[Loss]()
    params = OfNetwork[Params]()
    buffers = OfNetwork[Params]()
    backend = OfNetwork[Backend]()
    dtype = OfNetwork[str]()
    input_shape = OfNetwork[Shape]()
    output_shape = OfNetwork[Shape]()
    mean = OfNetwork[tuple[float, ...] | None]()
    std = OfNetwork[tuple[float, ...] | None]()

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
        self.seed = check_seed(seed)
        self.network = Network(
            layers,
            input_shape=input_shape,
            backend=backend,
            device=device,
            seed=seed,
            loss=loss,
            dtype=dtype,
        )
        self.reading: Reading | None = None
        self.provenance: dict[str, Any] = {}
        self.classes: tuple[str, ...] | None = None if classes is None else as_classes(classes)
        if self.classes is not None:
            check_outputs(self.output_shape[0], self.loss, self.classes)

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
        training: TrainingOptions | None = None,
        *,
        sample_weights: Array | None = None,
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
            training: how to train, `TrainingOptions()` by default. It may follow data that has
                labels of its own: `fit(data, preset.training)`.
            sample_weights: how much each sample counts, numbers of at least 0 (n,), scaled to mean
                1. The loss of a batch is (1/n) sum_i w_i loss_i, that of an epoch the mean weighted
                by w; accuracy, mean and deviation stay those of the samples. Not with a fraction as
                `validation`.
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
            options: override single options of `training`: epochs, batch_size, optimizer,
                schedule, clip_norm, augment, ema, patience and the others of
                `xpcnn.training.TrainingOptions`. None leaves an option that cannot be None as it
                is.

        Returns:
            the history, one record per epoch.
        """
        if isinstance(labels, TrainingOptions) and training is None:
            labels, training = None, labels
        chosen = training_options(options, training)
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
        weights = None
        if sample_weights is not None:
            weights = as_weights(sample_weights, len(train), self.backend, validation)
        before = self.mean, self.std, self.classes, self.reading, self.loss
        self.loss = balanced_loss(self.loss, train, self.output_shape[0])
        if self.mean is None:
            self.mean, self.std = train.mean, train.std
        if self.reading is None and len(self.input_shape) == 3:
            self.reading = train.reading or observed(train.images)
        if self.classes is None:
            self.classes = train.classes
        try:
            samples = self.network.samples(train.images, train.labels, weights)
            others = (
                None if held_out is None else self.network.samples(held_out.images, held_out.labels)
            )
            with ExitStack() as stack:
                saver = None
                if checkpoints is not None:
                    stack.enter_context(checkpoints.locked())
                    parts = {"training data": (train.digest(), len(train))}
                    if held_out is not None:
                        parts["validation data"] = (held_out.digest(), len(held_out))
                    if weights is not None:
                        digest = hashlib.blake2b(weights.tobytes(), digest_size=16).hexdigest()
                        parts["sample weights"] = (digest, len(weights))
                    saver = Saver(checkpoints, self.network, chosen, seed, parts, resume)
                if progress and is_shown():
                    heard = (*heard, stack.enter_context(ProgressBar(chosen.epochs)))
                stack.enter_context(self.backend.session())
                stack.enter_context(numpy.errstate(all="ignore"))  # `fit` tells of divergence
                run = Run(self.network, samples, others, chosen, seed, heard, saver, health)
                history = run.train()
        except Exception:
            self.mean, self.std, self.classes, self.reading, self.loss = before
            raise
        self.provenance = {
            **origin(self.backend, train),
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
        samples = self.network.samples(data.images, data.labels)
        with self.backend.session():
            return evaluate(self.network, samples, batch_size)

    @advised
    def predict(self, samples: Array, *, batch_size: int = 256) -> numpy.ndarray:
        """Return the most probable class of each raw sample: integers (n,), on the host.

        Warns (`errors.DataWarning`) of samples on another scale than those trained on, such as
        images from 0 to 1 where the model knows 0 to 255.
        """
        return self._map(samples, batch_size, lambda x: self.loss.decide(self.network.scores(x)))

    @advised
    def predict_proba(
        self, samples: Array, *, batch_size: int = 256, views: Sequence[str] = ("identity",)
    ) -> numpy.ndarray:
        """Return the probability of each class for each raw sample: (n, classes), on the host.

        views: what to see of each sample, "identity" or "flip"; of several, the mean.
        """
        chosen, scores = views_of(views), self.network.scores

        def mean(x: Array) -> Array:
            first, *others = (self.loss.probabilities(scores(view(x))) for view in chosen)
            return sum(others, start=first) / len(chosen)

        return self._map(samples, batch_size, mean)

    @advised
    def predict_scores(self, samples: Array, *, batch_size: int = 256) -> numpy.ndarray:
        """Return what the network makes of each raw sample: (n, outputs), on the host.

        The scores before the loss makes probabilities of them, such as logits. Warns as `predict`.
        """
        return self._map(samples, batch_size, self.network.scores)

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
        check_count("batch_size", batch_size)
        itemsize = numpy.dtype(self.dtype).itemsize
        return summarize(self.layers, self.input_shape, batch_size, itemsize)

    def save(self, path: str | Path) -> None:
        """Write the model to one file, readable on any backend.

        Raises:
            ConfigError: the model holds a layer that no file can describe.
            CheckpointError: the file cannot be written; one that was there before is untouched.
        """
        models.write(path, self.network, self._facts())

    def to(self, backend: str | Backend, device: str | int | None = None) -> "Model":
        """Return the same model on another backend; this one stays as it is."""
        moved = copy.copy(self)
        moved.provenance = dict(self.provenance)
        moved.network = self.network.to(backend, device)
        return moved

    def __copy__(self) -> "Model":
        """Return a second model that shares the arrays, into which nobody writes."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self), network=copy.copy(self.network))
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> "Model":
        twin = copy.copy(self)
        memo[id(self)] = twin
        for name, value in vars(self).items():
            setattr(twin, name, copy.deepcopy(value, memo))
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        content, own = models.pickled(self.network, self._facts())
        return unpickled_model, (content, own, self.backend.name, self.backend.opened_with)

    def _facts(self) -> models.Facts:
        return models.Facts(self.seed, self.classes, self.reading, self.provenance)

    def host_arrays(self, tree: Params) -> Params:
        """Return parameters or buffers as NumPy arrays."""
        return self.network.host_arrays(tree)

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
            for x, _ in self.network.samples(raw, None).batches(batch_size):
                parts.append(read(x))
        return self.backend.to_host(self.backend.xp.concat(parts, axis=0))

    def checked(self, data: Data, classes: tuple[str, ...] | None = None) -> Dataset:
        """Return a data set that fits the model, its labels and values checked.

        classes: those of the training data, for a model that has none of its own yet.
        """
        known = self.classes or classes
        return as_dataset(
            data, self.backend, self.input_shape, self.output_shape[0], self.loss, known
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
        if validation is None:
            return train, None
        return train, self.checked(validation, train.classes)


def origin(backend: Backend, data: Dataset) -> dict[str, Any]:
    """Return the part of provenance that every training has: version, backend, data."""
    return {
        "xpcnn": VERSION,
        "backend": backend.name,
        "data": data.name,
        "data_hash": data.digest(),
    }


def load_model(
    path: str | Path,
    *,
    layers: Iterable[type] = (),
    backend: str | Backend = "numpy",
    device: str | int | None = None,
) -> Model:
    """Return the model in a file, on any backend, whichever wrote the file.

    Args:
        path: of a file that `Model.save` wrote.
        layers: layer classes of your own (dataclasses) that the file may contain.
        backend: name of an array library, or an opened backend.
        device: number or name of a device of the library, or None for its default.

    Raises:
        CheckpointError: the file cannot be read, or is not what its own description says.
        BackendError: the backend cannot be used here.
    """
    found, tensors = models.read(path, layers)
    model = Model(
        found.layers,
        input_shape=found.input_shape,
        backend=backend,
        device=device,
        seed=found.seed,
        loss=found.loss,
        classes=found.classes,
        dtype=found.dtype,
    )
    models.restore(model.network, tensors)
    model.mean, model.std = found.mean, found.std
    model.reading, model.provenance = found.reading, found.provenance
    return model


def load_weights(model: Model, path: str | Path, *, layers: Iterable[type] = ()) -> LoadedWeights:
    """Give a model the weights of a model file where layers have the same path and shapes.

    A layer takes all of its parameters and running statistics or none, cast to the dtype of the
    model. Where the samples have as many channels, the model normalises them as the file says, so
    that the weights see what they were trained on. Classes and everything else of the model stay:
    where the names of its classes or their order are not those of the file, the last layer is not
    taken.

    Args:
        layers: layer classes of your own that the file may name.

    Raises:
        CheckpointError: the file cannot be read, or no layer fits.
    """
    source = load_model(path, layers=layers)
    return take_weights(model.network, source.network, str(path), model.classes, source.classes)


def unpickled_model(
    content: bytes, layers: tuple[type, ...], backend: str, device: str | int | None
) -> Model:
    """Return the model whose file has this content, on the backend that it was on.

    Raises:
        CheckpointError: the content is damaged.
        BackendError: the backend cannot be used here.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pickled.safetensors"
        path.write_bytes(content)
        try:
            return load_model(path, layers=layers, backend=backend, device=device)
        except BackendError as error:
            message = f"the pickled model was on backend {backend!r}"
            raise with_context(error, message) from None
