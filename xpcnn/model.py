"""Model: a network with class names, and its methods: fit, evaluate, predict, save."""

import copy
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from xpcnn import provenance
from xpcnn.argument_advice import advised
from xpcnn.backend import Backend
from xpcnn.config.training_options import overridden
from xpcnn.data.dataset import Dataset
from xpcnn.data.reading import Reading
from xpcnn.engines import group as group_of_run
from xpcnn.errors import BackendError, with_context
from xpcnn.inputs import Data, as_pair, identities, train_and_validation, warn_of_scale
from xpcnn.io import network_file
from xpcnn.layers import Layer
from xpcnn.losses import Loss
from xpcnn.model_arguments import as_classes, check_seed
from xpcnn.network import Network
from xpcnn.options import check_switches
from xpcnn.prediction import Predictor
from xpcnn.process_group import Group, by_all, by_first
from xpcnn.sample_weights import as_weights
from xpcnn.tasks import Task
from xpcnn.training import Callback, Checkpoints, History, Run, TrainingOptions
from xpcnn.training.callbacks import check_callbacks
from xpcnn.training.checkpoints import check_checkpoints
from xpcnn.training.group_start import start_together
from xpcnn.training.progress_bar import ProgressBar, is_shown
from xpcnn.training.run_identity import identity_of
from xpcnn.training.saver import Saver
from xpcnn.types import Array, Shape


@advised
class Model(Predictor):
    """A network for classification, multi-label classification or regression, on a backend.

        model = Model([Flatten(), Dense(10)], input_shape=(1, 28, 28))
        history = model.fit(train, epochs=5, validation=0.1)
        classes = model.predict(images)

    Samples are raw images (c, h, w) or rows of features (c,), uint8 or floats; labels are whole
    numbers, one class each; for other tasks rows of targets. The first `fit` computes the mean and
    the standard deviation of each channel of its data; from then on the model normalises all
    samples by them. A call that fails leaves the model unchanged.

    Args:
        layers: the network: a list of layers of `xpcnn.layers`, which means `Sequential`, or one
            layer.
        input_shape: shape of one sample, (c, h, w) or (c,).
        backend: the array library: "numpy", "cupy", "torch", "array_api_strict", or a `Backend`
            from `xpcnn.backend.load`.
        device: device of the backend, by name or number: "cuda", 1; None for its default.
        seed: a whole number that decides the initial parameters; also the default seed of `fit`.
        loss: what training minimises: "cross-entropy" (the default, SoftmaxCrossEntropy), "bce",
            "focal", "mse", "l1", "huber", or an object of `xpcnn.losses`.
        classes: names of the classes, two or more (or of the labels or numbers of another task);
            None takes the names in the data of the first `fit`.
        dtype: what the network computes in: "float32"; "float64", for checking; or for GPUs, though
            none has run them yet, "float16" or "bfloat16": parameters, losses and updates are then
            float32, and the loss is scaled for float16. NumPy and CuPy have no bfloat16.
        task: what targets are: "classification" (the default), one class each; "multi-label", 0 and
            1 for each of several labels (n, k); "regression", numbers (n, k), of which the network
            learns (number - mean) / std; or an object of `xpcnn.tasks`. The default loss is "bce"
            for labels and "mse" for numbers.

    Attributes:
        params, buffers: parameters and running statistics, nested by layer, on the backend;
            `get_weights` gives them by path.
        mean, std: mean and standard deviation by which samples are normalised, one number per
            channel, in the units of raw samples; None before the first `fit`.
        provenance: how the parameters were made: version, data, options, last figures.
        reading: how picture files become samples; see `xpcnn.data.reading`.

    `copy.deepcopy` and pickle make an independent model. A pickle holds the bytes of the model's
    file, the import paths of your own layer classes, and the name of the backend, which is opened
    again. Two models are equal only if they are the same object.

    Raises:
        ConfigError, ShapeError, LabelError: an argument is not valid, or two contradict each
            other.
        BackendError: the backend cannot be used here.
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
        task: Task | str | None = None,
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
            task=task,
        )
        self.reading: Reading | None = None
        self.provenance: dict[str, Any] = {}
        self.classes: tuple[str, ...] | None = None
        if classes is not None:
            self.classes = as_classes(classes, self.task.least)
            self.task.check(self.output_shape[0], self.loss, self.classes)

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
        group: Group | None = None,
        **options: Any,
    ) -> History:
        """Train on data, starting from the present parameters.

            model.fit(train, epochs=5, optimizer="adam", validation=0.1)

        Ctrl-C leaves the model with the weights of the last update.

        Args:
            data, labels: what to train on: `fit(dataset)`, `fit(samples, labels)` or
                `fit((samples, labels))`. Samples (n, *input_shape), labels whole numbers (n,), or
                for another task targets (n, k).
            training: how to train; None means `TrainingOptions()`. It may be the second argument
                where the data has its labels: `fit(dataset, preset.training)`.
            sample_weights: how much each sample counts, numbers of at least 0 (n,), scaled to mean
                1. The loss of a batch is (1/n) sum_i w_i loss_i, that of an epoch the mean weighted
                by w; accuracy and normalisation do not depend on them. Not together with a fraction
                as `validation`.
            validation: data to evaluate on after every epoch, or a fraction, such as 0.1, of `data`
                to keep aside for validation, chosen by hash; None for no validation.
            seed: seed of shuffling, dropout and augmentation; None means the seed of the model.
            callbacks: objects of classes made from `xpcnn.training.Callback`.
            checkpoints: `Checkpoints(folder)` saves the run, so that it can be resumed.
            resume: continue from the newest checkpoint, if there is one. Data, options and seed
                must be those of the interrupted run; `epochs` may be larger.
            health: what to check during training. None: a loss that jumps and stays at chance
                level, and without checkpoints options that name an update or epoch after the end
                of the run, such as too long a warm-up, give a note in the history and a
                `HealthWarning`. True: notes, without a warning, on these, on overfitting, and on
                the network (dead units, vanishing gradients, ...) at the start and after epochs 1,
                2, 4, 8, ... False: nothing.
            progress: whether to show a progress bar, on a terminal or in a notebook.
            group: the processes that train together: each calls `fit` with the same arguments and
                the whole of `data`, and computes its part of every batch. None for the group of
                `xpcnn.backend.group()`: of the engine that XPCNN_ENGINE names, or this process;
                an error if a launcher such as torchrun started several and no engine is named.
            options: override single options of `training`: epochs, batch_size, optimizer, schedule,
                clip_norm, augment, ema, patience and the others of `TrainingOptions`. None for an
                option that cannot be None leaves it unchanged.

        Returns:
            the history, one record per epoch; print it for a table.

        Raises:
            ConfigError, DataError, LabelError, ShapeError, DTypeError: an argument is not valid, or
                the data does not match the model.
            CheckpointError: a checkpoint cannot be read, or belongs to another run.
            BackendError: the processes of a launcher cannot train together.
            XpcnnError: training diverged; says at which update and tensor.
        """
        self._require_not_in_training()
        if isinstance(labels, TrainingOptions) and training is None:
            labels, training = None, labels
        chosen = overridden(training, options)
        listeners = check_callbacks(callbacks)
        check_switches(resume=resume, progress=progress)
        if health is not None:
            check_switches(health=health)
        check_checkpoints(checkpoints, resume)
        seed = self.seed if seed is None else check_seed(seed)
        group = group_of_run() if group is None else group
        train, held_out = self.parts(as_pair(data, labels), validation, seed)
        warn_of_scale(train.images, self.mean, self.std)
        if held_out is not None and isinstance(validation, Dataset | tuple):
            warn_of_scale(held_out.images, self.mean or train.mean, self.std or train.std)
        weights = None
        if sample_weights is not None:
            weights = as_weights(sample_weights, len(train), self.backend, validation)
        with self._unchanged_by_errors(), ExitStack() as stack:
            self._adapt(train)
            samples = self.network.samples(train.images, train.labels, weights)
            others = None
            if held_out is not None:
                others = self.network.samples(held_out.images, held_out.labels)
            saver = None
            if group.size > 1 or checkpoints is not None:
                parts = identities(train, held_out, weights)
                start_together(group, self.network, identity_of(self.network, chosen, seed, parts))
            if checkpoints is not None:
                by_first(group, partial(stack.enter_context, checkpoints.locked()))
                saver = Saver(checkpoints, self.network, chosen, seed, parts, resume, group)
            if progress and is_shown() and group.rank == 0:
                listeners = (*listeners, stack.enter_context(ProgressBar(chosen.epochs)))
            given = (self.network, samples, others, chosen, seed, listeners, saver, health, group)
            history = by_all(group, lambda: Run(*given)).train()
        self.provenance = provenance.of_fit(self.backend, train, chosen, seed, history)
        return history

    def save(self, path: str | Path) -> None:
        """Write the model to one file, which `xpcnn.load` reads on any backend.

        Args:
            path: the file, usually with the suffix `.safetensors`; an existing file is replaced.

        Raises:
            ConfigError: the model has a layer that a file cannot describe.
            CheckpointError: the file cannot be written; an existing file is unchanged.
        """
        self._require_not_in_training()
        network_file.write(path, self.network, self._facts())

    def to(self, backend: str | Backend, device: str | int | None = None) -> "Model":
        """Return a copy of the model on another backend; this model stays unchanged.

        backend: name of the array library, or a `Backend` from `xpcnn.backend.load`.
        device: device of the backend, by name or number; None for its default.

        Raises:
            BackendError: the backend cannot be used here.
        """
        moved = copy.copy(self)
        moved.provenance = dict(self.provenance)
        moved.network = self.network.to(backend, device)
        return moved

    def parts(
        self, data: Data, validation: Data | float | None, seed: int
    ) -> tuple[Dataset, Dataset | None]:
        """Return the data sets to train and to validate on; data, validation, seed: as in `fit`."""
        return train_and_validation(data, validation, self.network, self.classes, seed)

    def __reduce__(self) -> tuple[Any, ...]:
        self._require_not_in_training()
        content, own = network_file.pickled(self.network, self._facts())
        library = self.backend
        return unpickled_model, (content, own, library.name, library.opened_with, library.tf32)


def model_of(network: Network, facts: network_file.Facts) -> Model:
    """Return a model that has a network and facts.

    Raises:
        ConfigError: the network has another number of outputs than the classes need.
    """
    if facts.classes is not None:
        network.task.check(network.output_shape[0], network.loss, facts.classes)
    model = object.__new__(Model)
    vars(model).update(facts._asdict(), network=network)
    return model


def unpickled_model(
    content: bytes,
    layers: tuple[type, ...],
    backend: str,
    device: str | int | None,
    tf32: bool = False,
) -> Model:
    """Return the model whose file has this content, on the backend that it was on.

    Raises:
        CheckpointError: the content is damaged.
        BackendError: the backend cannot be used here.
    """
    found, tensors = network_file.unpickled(content, layers)
    try:
        model = model_of(*network_file.built(found, tensors, backend, device))
        if tf32:
            model.backend.allow_tf32()
        return model
    except BackendError as error:
        message = f"the pickled model was on backend {backend!r}"
        raise with_context(error, message) from None
