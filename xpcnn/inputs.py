"""Checks of the raw samples and labels that users give to a model.

Computes nothing and moves nothing to a device.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, TypeAlias

import numpy

from xpcnn.data.dataset import Dataset
from xpcnn.data.images import check_finite
from xpcnn.data.labels import check_unmasked
from xpcnn.data.preflight_checks import off_scale, rounded_away
from xpcnn.data.sample_pairs import advice_on
from xpcnn.data.stored import Images, Mapped, Stored, is_mapped, some_of
from xpcnn.data.validation_split import split
from xpcnn.errors import (
    BackendError,
    DataError,
    DataWarning,
    DTypeError,
    LabelError,
    ShapeError,
    counted,
    hint,
    kind,
    warn_user,
)
from xpcnn.losses import L1, MSE, Huber, Loss
from xpcnn.network import Network
from xpcnn.types import Array, Shape

Data: TypeAlias = Dataset | tuple[Array, Any]
"""A data set, or (samples, labels): raw arrays of the host or of the model's backend."""


def as_dataset(data: Data, network: Network, classes: tuple[str, ...] | None) -> Dataset:
    """Return data as a data set that matches a network.

    Arrays without class names get `classes`, or "0", "1", ... for the outputs of the network.
    Rows of features become images of one pixel.

    classes: the class names of the model, with which those of a data set are matched: a data set
        may have fewer classes, in any order, but needs all labels or numbers of other tasks. None
        before the first training.

    Raises:
        DataError, LabelError, ShapeError, DTypeError, BackendError: the data does not fit.
    """
    backend, input_shape = network.backend, network.input_shape
    outputs, loss, task = network.output_shape[0], network.loss, network.task
    if isinstance(data, Dataset):
        if data.task != task.name:
            message = f"data set {data.name!r} has {data.task} targets, the model's are {task.name}"
            raise LabelError(hint(message, f"Model(..., task={data.task!r}), or other data"))
        if data.shape != (*input_shape, 1, 1):  # else rows of features, as images of one pixel
            check_shape(data.images, input_shape)
        if classes is None:
            task.check(outputs, loss, data.classes)
            return data
        return data if data.classes == classes else _relabelled(data, classes)
    if not isinstance(data, tuple) or len(data) != 2:
        samples_alone = isinstance(data, numpy.ndarray | backend.array_type)
        advice = "model.predict(samples), where there are no labels"
        raise DataError(
            hint(
                f"data is a {kind(data)}, expected a Dataset or (samples, labels)",
                advice if samples_alone else advice_on(data),
            )
        )
    samples, labels = data
    images = as_samples(samples, network)
    check_unmasked(labels, "data", "labels")
    if isinstance(labels, backend.array_type):
        labels = backend.to_host(labels)
    names = classes or tuple(str(i) for i in range(max(task.least, outputs)))
    task.check(outputs, loss, names)
    if outputs == 1 and task.name == "classification":
        _check_two_classes(labels, loss)
    if not isinstance(images, Stored):
        images = images.reshape(len(images), *input_shape, *(1,) * (4 - images.ndim))
    return Dataset.from_arrays(images, labels, names, task=task.name)


def _check_two_classes(labels: Any, loss: Loss) -> None:
    """Require labels that one output can decide: 0 and 1."""
    values = numpy.asarray(labels)
    plain = values.ndim == 1 and values.size > 0 and values.dtype.kind in "iuf"
    if plain and (most := values.max()) > 1:
        message = f"labels go up to {most:g}, and one output with the loss {type(loss).__name__} "
        message += "decides between the classes 0 and 1"
        advice = "Dense(classes) at the end for more classes"
        if type(loss) in (MSE, L1, Huber):
            advice = f"Model(..., task='regression') to estimate numbers, {advice}"
        raise LabelError(hint(message, advice))


def as_pair(data: Data | Array, labels: Any) -> Data:
    """Return `fit(samples, labels)` as `fit((samples, labels))`.

    Raises:
        DataError: labels come with data that has labels of its own.
    """
    if labels is None:
        given: Data = data  # checked by as_dataset
        return given
    if isinstance(data, Dataset | tuple):
        what = "a Dataset" if isinstance(data, Dataset) else "(samples, labels)"
        advice = "fit(data, validation=..., epochs=...), with all arguments after the data by name"
        raise DataError(hint(f"labels are given with {what}, which has its own", advice))
    return data, labels


def train_and_validation(
    data: Data,
    validation: Data | float | None,
    network: Network,
    classes: tuple[str, ...] | None,
    seed: int,
) -> tuple[Dataset, Dataset | None]:
    """Return the data sets to train and to validate on.

    Arguments as in `Model.fit`; classes as in `as_dataset`.

    Raises:
        DataError, LabelError, ShapeError, DTypeError, BackendError: the data does not fit.
    """
    train = as_dataset(data, network, classes)
    for finding in rounded_away(train):
        warn_user(str(finding), DataWarning)
    if isinstance(validation, Real) and not isinstance(validation, bool):
        parts = split(train, float(validation), seed)
        if validation > 0 and parts[1] is None:
            message = (
                f"validation={validation:g} of {counted(len(train), 'sample')} is none of them"
            )
            warn_user(hint(message, "validation=0.1, or data of their own"), DataWarning)
        return parts
    if not isinstance(validation, Dataset | tuple | None):
        message = f"validation is a {type(validation).__name__}, expected data or a fraction"
        a_tenth = "validation=0.1, a tenth of the training data"
        raise DataError(hint(message, advice_on(validation, a_tenth)))
    if validation is None:
        return train, None
    return train, as_dataset(validation, network, classes or train.classes)


def as_samples(samples: Array, network: Network) -> Images:
    """Return raw samples as a NumPy array of uint8 or float32 (float64 is rounded).

    A memory map becomes images that stay on disk (`Mapped`), as those of a data set may be; rows of
    features become images of one pixel in it.

    Raises:
        BackendError, DTypeError, ShapeError: not an array of samples of the network's input shape.
        DataError: a value is NaN or infinite.
    """
    backend = network.backend
    if isinstance(samples, Stored):
        if samples.shape[1:] != (*network.input_shape, 1, 1):
            check_shape(samples, network.input_shape)
        return samples
    check_unmasked(samples, "data", "samples")
    if isinstance(samples, backend.array_type) and not is_mapped(samples):
        samples = backend.to_host(samples)
    if not isinstance(samples, numpy.ndarray):
        message = f"samples are a {kind(samples)}; this model takes NumPy arrays and those of "
        advice = "data.images"
        if not isinstance(samples, Dataset):
            takes = hasattr(samples, "__array__") or isinstance(samples, list)
            advice = "numpy.asarray(samples)" if takes else advice_on(samples)
        if isinstance(samples, str | os.PathLike):
            advice = "read_picture(path, model.reading).sample[None], of xpcnn.data.pictures"
        raise BackendError(hint(f"{message}its backend {backend.name!r}", advice))
    if samples.dtype not in (numpy.uint8, numpy.float32, numpy.float64):
        raise DTypeError(
            hint(
                f"samples have dtype {samples.dtype}, expected uint8, float32 or float64",
                "samples.astype(numpy.float32)",
            )
        )
    check_shape(samples, network.input_shape)
    if is_mapped(samples):
        mapped = Mapped(samples.reshape(*samples.shape, *(1,) * (4 - samples.ndim)))
        check_finite(mapped, "data", "samples")
        return mapped
    if samples.dtype == numpy.float64:
        with numpy.errstate(over="ignore"):  # rejected as infinite
            samples = samples.astype(numpy.float32)
    check_finite(samples, "data", "samples")
    return samples


def as_input(images: Images, input_shape: Shape) -> Images:
    """Return the images of a data set in the input shape of a model: those of one pixel as rows."""
    return images if isinstance(images, Stored) else images.reshape(len(images), *input_shape)


def identities(
    train: Dataset, held_out: Dataset | None, weights: numpy.ndarray | None
) -> dict[str, tuple[str, int]]:
    """Return hash and length of the data of a training, which must be equal in a resumed run."""
    parts = {"training data": (train.digest(), len(train))}
    if held_out is not None:
        parts["validation data"] = (held_out.digest(), len(held_out))
    if weights is not None:
        digest = hashlib.blake2b(weights.tobytes(), digest_size=16).hexdigest()
        parts["sample weights"] = (digest, len(weights))
    return parts


def warn_of_scale(
    samples: Images, mean: Sequence[float] | None, std: Sequence[float] | None
) -> None:
    """Warn about samples on another scale than the model expects, such as 0..1 for 0..255.

    mean, std: what the model normalises with; None before its first training.
    """
    if mean is None or std is None or len(samples) == 0:
        return
    images = some_of(samples, len(samples)) if isinstance(samples, Stored) else samples
    images = images.reshape(*images.shape, *(1,) * (4 - images.ndim))
    for finding in off_scale("given", images, tuple(mean), tuple(std)):
        # pictures of little contrast spread little, too: but not all of them near 0
        small = numpy.abs(images).max() < 0.1 * (max(map(abs, mean)) + max(std))
        if finding.number > 1 or (small and images.dtype != numpy.uint8):
            warn_user(str(finding), DataWarning)


def check_shape(samples: Images, input_shape: Shape) -> None:
    """Require samples of a model's input shape."""
    shape: Shape = samples.shape
    if shape[1:] == input_shape:
        return
    message = (
        f"samples have shape {shape}, the model expects (n, {', '.join(map(str, input_shape))})"
    )
    for single, advice in (
        (shape, "image[None]"),
        ((1, *shape), "image[None, None]"),
        ((*shape[2:], *shape[:2]), "image.transpose(2, 0, 1)[None]"),
    ):
        if single == input_shape:
            raise ShapeError(hint(f"{message}; this is a single one", advice))
    if input_shape == (1, *shape[1:]):
        raise ShapeError(hint(f"{message}; they are grey", "images[:, None]"))
    if len(shape) == 4 and (shape[3], *shape[1:3]) == input_shape:
        raise ShapeError(
            hint(f"{message}; they look channels-last", "images.transpose(0, 3, 1, 2)")
        )
    if len(shape) == 4 and (*shape[2:], shape[1]) == input_shape:
        message += "; its input_shape looks channels-last"
        raise ShapeError(hint(message, f"Model(..., input_shape={tuple(shape[1:])})"))
    raise ShapeError(hint(message, "images of that size, or a model made for these"))


def _relabelled(data: Dataset, names: tuple[str, ...]) -> Dataset:
    """Return the data set with the labels of the classes `names`, or its targets in that order."""
    if data.task != "classification":
        if sorted(data.classes) != sorted(names):
            message = (
                f"data set {data.name!r} has the {data.of_what} {', '.join(data.classes[:10])}"
            )
            advice = "--label-column with the columns of these names"
            raise LabelError(hint(f"{message}; the model knows {', '.join(names[:10])}", advice))
        columns = [data.classes.index(name) for name in names]
        return replace(data, labels=data.labels[:, columns], classes=names)
    foreign = [name for name in data.classes if name not in names]
    if foreign:
        raise LabelError(
            hint(
                f"data set {data.name!r} has classes that the model does not know: "
                f"{', '.join(foreign[:5])}; it knows {', '.join(names[:10])}",
                "give these classes the names that the model has for them, or leave them out; "
                "to learn new classes, train a new last layer with xpcnn train --init",
            )
        )
    new = numpy.asarray([names.index(name) for name in data.classes])
    return replace(data, labels=new[data.labels], classes=names)
