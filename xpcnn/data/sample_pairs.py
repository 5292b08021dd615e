"""`from_samples`: a data set in memory from pairs (image, label), one at a time.

Reads each sample once. Augmentation belongs to `Model.fit(..., augment=...)`: what a data set draws
at random would be drawn once, and not anew in every epoch.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xpcnn.data.dataset import Dataset
from xpcnn.data.images import check_images
from xpcnn.errors import DataError, DTypeError, LabelError, ShapeError, hint
from xpcnn.types import TaskName


def from_samples(
    samples: Any,
    classes: Sequence[str] | None = None,
    name: str = "samples",
    task: TaskName = "classification",
) -> Dataset:
    """Collect samples into a data set, with the mean and std of all images.

        train = xpcnn.data.from_samples(torchvision.datasets.MNIST("data"))

    Args:
        samples: what gives pairs (image, label), by number, as a `torch.utils.data.Dataset` does,
            or in turn, as a generator does. An image is an array (c, h, w) or (h, w), uint8 or
            float32, of NumPy or of a library whose arrays NumPy reads, or a picture of Pillow, grey
            or RGB. A label is a whole number; for another task a row of targets.
        classes: names of the classes; None for `samples.classes`, where that is a list of texts, or
            else for numbers.
        name: name of the data set, for messages.
        task: what the labels are: "classification", "multi-label" or "regression".

    Raises:
        DataError, LabelError, ShapeError, DTypeError: a sample is not valid; the message has its
            number, from 0, and the reason.
    """
    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for i, sample in enumerate(_in_turn(samples)):
        where = f"sample {i}"
        if not (isinstance(sample, tuple | list) and len(sample) == 2):
            message = f"{where}: expected a pair (image, label), got {type(sample).__name__}"
            advice = "yield image, label"
            if isinstance(sample, dict):
                advice = 'from_samples((row["image"], row["label"]) for row in samples)'
            raise DataError(hint(message, advice))
        x, label = _image(sample[0], where), as_array(sample[1], where)
        if images and x.shape != images[0].shape:
            message = f"{where}: the image has the shape {x.shape}, before {images[0].shape}"
            raise ShapeError(hint(message, "images of one size"))
        if images and x.dtype != images[0].dtype:
            message = f"{where}: the image is {x.dtype}, before {images[0].dtype}"
            raise DTypeError(hint(message, f"image.astype('{images[0].dtype}')"))
        if labels and np.shape(label) != np.shape(labels[0]):
            message = f"{where}: the label has the shape {np.shape(label)}"
            raise LabelError(hint(f"{message}, before {np.shape(labels[0])}", "labels of one kind"))
        images.append(x.copy())
        labels.append(np.array(label))
    if not images:
        raise DataError(hint("there are no samples", "a fresh generator: one runs only once"))
    return Dataset.from_arrays(
        np.stack(images), np.stack(labels), classes or _names(samples), name, task=task
    )


def as_array(x: Any, where: str) -> Any:
    """Return an array of any library as one of NumPy, other things as they are.

    Raises:
        DTypeError: NumPy cannot read it, such as a tensor on a GPU.
    """
    if isinstance(x, np.ndarray) or not (hasattr(x, "__array__") or _is_picture(x)):
        return x
    try:
        return np.asarray(x)
    except Exception as error:  # of any library
        message = f"{where}: a {type(x).__name__} that NumPy cannot read: {error}"
        raise DTypeError(hint(message, "arrays in the CPU's memory: x.detach().cpu()")) from None


def _is_picture(x: object) -> bool:
    """Whether an object is a picture of Pillow, which may not be installed."""
    return hasattr(x, "getbands") and hasattr(x, "mode")


def advice_on(data: object, other: str = "(samples, labels), two arrays") -> str:
    """Return advice for errors: how to make a data set of something that is none.

    other: the advice where nothing is known about it.
    """
    if isinstance(data, dict):
        return "(samples, labels), two arrays of it, such as (d['images'], d['labels'])"
    if isinstance(data, str) or hasattr(data, "__fspath__"):
        return "train, test = xpcnn.data.load(path), for files and folders"
    if isinstance(data, list) and len(data) == 2 and all(hasattr(x, "dtype") for x in data):
        return "(samples, labels), a tuple of the two arrays"
    if isinstance(data, list) and not isinstance([*data, None][0], tuple | list):
        return other
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "dtype"):
        return "xpcnn.data.from_samples(data), if it gives pairs (image, label)"
    if isinstance(data, Iterable) and not hasattr(data, "dtype"):
        return "xpcnn.data.from_batches(data), if it gives pairs (images, labels)"
    return other


def _in_turn(samples: Any) -> Iterator[Any]:
    """Yield the samples: by number where there is one for each, since not all raise IndexError."""
    if hasattr(samples, "__getitem__") and hasattr(samples, "__len__"):
        return (samples[i] for i in range(len(samples)))
    if not isinstance(samples, Iterable):
        message = f"samples are a {type(samples).__name__}, expected pairs (image, label)"
        raise DataError(hint(message, "a list of pairs, or an object with __len__ and __getitem__"))
    return iter(samples)


def _image(image: Any, where: str) -> np.ndarray:
    """Return the image of a sample as an array (c, h, w)."""
    mode = image.mode if _is_picture(image) else None
    if mode not in (None, "L", "RGB"):
        message = f"{where}: the picture is of mode {mode}, expected L (grey) or RGB"
        raise DTypeError(hint(message, "image.convert('RGB')"))
    x = as_array(image, where)
    if mode == "RGB":
        x = x.transpose(2, 0, 1)
    if isinstance(x, np.ndarray):
        x = x[None] if x.ndim == 2 else x
        check_images(x[None], where)
        return x
    message = f"{where}: the image is a {type(x).__name__}, expected an array or a picture"
    raise DTypeError(hint(message, "numpy.asarray(image)"))


def _names(samples: Any) -> Sequence[str] | None:
    """Return the names of classes that a data set of another library has."""
    found = getattr(samples, "classes", None)
    is_named = isinstance(found, list | tuple) and all(isinstance(name, str) for name in found)
    return found if is_named else None
