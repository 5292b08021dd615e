"""What may go into a model: raw samples and labels, checked against the network and its classes.

Computes nothing and moves nothing to a device; every refusal says what was expected.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, TypeAlias

import numpy

from xpcnn import losses
from xpcnn.backend import Backend
from xpcnn.data.dataset import Dataset
from xpcnn.data.images import check_finite
from xpcnn.data.preflight_checks import off_scale
from xpcnn.errors import (
    BackendError,
    ConfigError,
    DataError,
    DataWarning,
    DTypeError,
    LabelError,
    ShapeError,
    hint,
    warn_user,
)
from xpcnn.losses import Loss, balanced, outputs_for
from xpcnn.ops.checks import kind
from xpcnn.options import is_whole, shown, whole
from xpcnn.types import Array, Shape

Data: TypeAlias = Dataset | tuple[Array, Any]
"""A data set, or (samples, labels): raw arrays of the host or of the model's backend."""


def as_dataset(
    data: Data,
    backend: Backend,
    input_shape: Shape,
    outputs: int,
    loss: Loss,
    classes: tuple[str, ...] | None,
) -> Dataset:
    """Return data as a data set that fits a model.

    Labels are those of the model's classes, by name: a data set may have fewer, in any order.
    Arrays without names have the model's classes, or "0", "1", ... for its outputs. Rows of
    features become images of one pixel.

    Raises:
        DataError, LabelError, ShapeError, DTypeError, BackendError: they do not fit.
    """
    if isinstance(data, Dataset):
        if data.shape != (*input_shape, 1, 1):  # else rows of features, as images of one pixel
            check_shape(data.images, input_shape)
        if classes is None:
            check_outputs(outputs, loss, data.classes)
            return data
        return data if data.classes == classes else _relabelled(data, classes)
    if not isinstance(data, tuple) or len(data) != 2:
        samples_alone = isinstance(data, numpy.ndarray | backend.array_type)
        advice = "model.predict(samples), where there are no labels"
        raise DataError(
            hint(
                f"data is a {kind(data)}, expected a Dataset or (samples, labels)",
                advice if samples_alone else "(samples, labels), two arrays",
            )
        )
    samples, labels = data
    images = as_samples(samples, backend, input_shape)
    if isinstance(labels, backend.array_type):
        labels = backend.to_host(labels)
    names = classes or tuple(str(i) for i in range(max(2, outputs)))
    check_outputs(outputs, loss, names)
    pixels = images.reshape(len(images), *input_shape, *(1,) * (4 - images.ndim))
    return Dataset.from_arrays(pixels, labels, names)


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
        advice = "fit(data, validation=..., epochs=...), with what follows the data by name"
        raise DataError(hint(f"labels are given with {what}, which has its own", advice))
    return data, labels


def as_loss(loss: Any) -> Loss:
    """Return a loss: by its name, the object itself, or SoftmaxCrossEntropy for None.

    Raises:
        ConfigError: it is anything else.
    """
    if isinstance(loss, str):
        return losses.make(loss)
    made: Loss = losses.SoftmaxCrossEntropy() if loss is None else loss
    if isinstance(made, type) or not hasattr(made, "decide"):
        message = f"loss is {shown(loss)}, expected a name or an object"
        names = ", ".join(map(repr, losses.BY_NAME))
        raise ConfigError(hint(message, f"a name ({names}), or an object such as losses.MSE()"))
    return made


def as_input_shape(shape: Any) -> Shape:
    """Return the shape of one sample as a tuple of whole numbers.

    Raises:
        ShapeError: it is anything else.
    """
    sizes = tuple(shape) if isinstance(shape, list | tuple) else ()
    if len(sizes) not in (1, 3) or not all(is_whole(n) and n > 0 for n in sizes):
        expected = "(channels, height, width) or (features,)"
        message = f"input_shape is {shown(shape)}, expected {expected}"
        raise ShapeError(hint(message, "input_shape=train.shape"))
    return tuple(int(n) for n in sizes)


def as_classes(classes: Any) -> tuple[str, ...]:
    """Return the names of classes as a tuple.

    Raises:
        ConfigError: they are no list of different texts.
    """
    names = tuple(classes) if isinstance(classes, list | tuple) else ()
    if len(names) < 2 or not all(isinstance(name, str) for name in names):
        message = f"classes is a {type(classes).__name__}, expected a list of two names or more"
        raise ConfigError(hint(message, 'classes=["cat", "dog"]'))
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ConfigError(hint(f"classes has {twice[0]!r} twice", "a name of its own for each"))
    return names


def check_seed(seed: Any) -> int:
    """Return a seed as it is: a whole number.

    Raises:
        ConfigError: it is anything else.
    """
    return whole("", "seed", seed, -math.inf, "seed=0")


def as_samples(samples: Array, backend: Backend, input_shape: Shape) -> numpy.ndarray:
    """Return raw samples as a NumPy array of uint8 or float32 (float64 is rounded).

    Raises:
        BackendError, DTypeError, ShapeError: they are none, or not of the model's input shape.
        DataError: they hold NaN or infinity.
    """
    if isinstance(samples, backend.array_type):
        samples = backend.to_host(samples)
    if not isinstance(samples, numpy.ndarray):
        raise BackendError(
            hint(
                f"samples are a {kind(samples)}; this model takes NumPy arrays and those of "
                f"its backend {backend.name!r}",
                "data.images" if isinstance(samples, Dataset) else "numpy.asarray(samples)",
            )
        )
    if samples.dtype not in (numpy.uint8, numpy.float32, numpy.float64):
        raise DTypeError(
            hint(
                f"samples have dtype {samples.dtype}, expected uint8, float32 or float64",
                "samples.astype(numpy.float32)",
            )
        )
    check_shape(samples, input_shape)
    if samples.dtype == numpy.float64:
        with numpy.errstate(over="ignore"):  # rejected as infinite
            samples = samples.astype(numpy.float32)
    given: numpy.ndarray = numpy.asarray(samples)  # of a memory map, a view
    check_finite(given, "data", "samples")
    return given


def as_weights(
    weights: Any, samples: int, backend: Backend, validation: Any = None
) -> numpy.ndarray:
    """Return the weights of samples as float64 (n,), scaled to mean 1.

    validation: as of `Model.fit`; a fraction would need weights of its own.

    Raises:
        ConfigError: validation is a fraction, or no weight is above 0.
        DataError, ShapeError, DTypeError: they are not one finite number >= 0 for each sample.
    """
    if isinstance(validation, Real):
        message = "sample_weights are given with a fraction of the samples as validation"
        raise ConfigError(hint(message, "validation=(samples, labels), parted from the others"))
    if isinstance(weights, backend.array_type):
        weights = backend.to_host(weights)
    given = numpy.asarray(weights)
    if given.dtype.kind not in "iuf":
        message = f"sample_weights have dtype {given.dtype}, expected numbers"
        raise DTypeError(hint(message, "sample_weights=[1.0, 2.0, ...]"))
    if given.shape != (samples,):
        message = f"sample_weights have shape {given.shape}, expected ({samples},)"
        raise ShapeError(hint(message, "one number for each sample"))
    exact = given.astype(numpy.float64)
    bad = numpy.flatnonzero(~(numpy.isfinite(exact) & (exact >= 0.0)))
    if bad.size:
        message = f"{bad.size} sample_weights are negative, NaN or infinite, the first at {bad[0]}"
        raise DataError(hint(message, "finite numbers of at least 0"))
    total = exact.sum()
    if not 0.0 < total < math.inf:
        message = f"the sample_weights sum to {total:g}, expected a finite number above 0"
        raise ConfigError(hint(message, "sample_weights=None, for samples that all count alike"))
    scaled: numpy.ndarray = exact * (samples / total)
    return scaled


def warn_of_scale(
    samples: numpy.ndarray, mean: Sequence[float] | None, std: Sequence[float] | None
) -> None:
    """Warn of samples on another scale than a model normalises for, such as 0..1 for 0..255.

    mean, std: what the model normalises with; None before its first training.
    """
    if mean is None or std is None or len(samples) == 0:
        return
    images = samples.reshape(*samples.shape, *(1,) * (4 - samples.ndim))
    for finding in off_scale("given", images, tuple(mean), tuple(std)):
        # pictures of little contrast spread little, too: but not all of them near 0
        small = numpy.abs(images).max() < 0.1 * (max(map(abs, mean)) + max(std))
        if finding.number > 1 or (small and images.dtype != numpy.uint8):
            warn_user(str(finding), DataWarning)


def check_shape(samples: numpy.ndarray, input_shape: Shape) -> None:
    """Require samples of a model's input shape."""
    shape = samples.shape
    if shape[1:] == input_shape:
        return
    message = (
        f"samples have shape {shape}, the model expects (n, {', '.join(map(str, input_shape))})"
    )
    if shape == input_shape:
        raise ShapeError(hint(f"{message}; this is a single one", "image[None]"))
    if input_shape == (1, *shape[1:]):
        raise ShapeError(hint(f"{message}; they are grey", "images[:, None]"))
    if len(shape) == 4 and (shape[3], *shape[1:3]) == input_shape:
        raise ShapeError(
            hint(f"{message}; they look channels-last", "images.transpose(0, 3, 1, 2)")
        )
    raise ShapeError(hint(message, "images of that size, or a model made for these"))


def check_outputs(outputs: int, loss: Loss, classes: Sequence[str]) -> None:
    """Require as many outputs as the classes need."""
    if outputs in outputs_for(loss, len(classes)):
        return
    advice = f"a last layer Dense({len(classes)})"
    if outputs == 1 and len(classes) == 2:
        advice += ", or for one output Model(..., loss=losses.BCEWithLogits())"
    many = "1 output" if outputs == 1 else f"{outputs} outputs"
    raise LabelError(hint(f"the network has {many} for {len(classes)} classes", advice))


def balanced_loss(loss: Loss, train: Dataset, outputs: int) -> Loss:
    """Return the loss with its "balanced" weights, if any, worked out from the training data."""
    counts = numpy.bincount(train.labels, minlength=len(train.classes))
    return balanced(loss, [int(count) for count in counts], outputs)


def _relabelled(data: Dataset, names: tuple[str, ...]) -> Dataset:
    """Return the data set with the labels of the classes `names`."""
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
