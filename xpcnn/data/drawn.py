"""Samples as pictures: uint8 (h, w, 3), and a figure of several with their labels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from xpcnn.data.stored import Images, Stored, some_of
from xpcnn.errors import DataError, hint
from xpcnn.types import TaskName

if TYPE_CHECKING:
    from xpcnn.figures import Canvas

MOST_PIXELS = 64  # of a side; keeps pages small


def sample_figure(
    images: Images, labels: numpy.ndarray, classes: Sequence[str], task: TaskName, where: str
) -> "Canvas":
    """Return a figure of images (n, c, h, w), each below its class, labels or numbers.

    The lowest value of all is drawn black, the highest white. where: the data set, for errors.

    Raises:
        DataError: the samples are rows of features.
        PackageMissingError: matplotlib is not installed.
    """
    from xpcnn.figures.samples import Sample, sample_sheet

    if images.shape[2:] == (1, 1):
        message = f"{where} has rows of features, not images"
        raise DataError(hint(message, "a data set of images"))
    low, high = value_range(images)
    names = [_named(label, classes, task) for label in labels]
    pictures = (picture(image, low, high) for image in images)
    return sample_sheet([Sample(x, name, name) for x, name in zip(pictures, names, strict=True)])


def _named(label: numpy.ndarray, classes: Sequence[str], task: TaskName) -> str:
    """Return the class, the labels or the numbers of a sample as text."""
    if task == "classification":
        return classes[int(label)]
    if task == "regression":
        return ", ".join(f"{value:.4g}" for value in label)
    return ", ".join(name for name, there in zip(classes, label, strict=True) if there) or "none"


def picture(sample: numpy.ndarray, low: float, high: float) -> numpy.ndarray:
    """Return a raw sample (c, h, w) as RGB; low, high: the values drawn black and white.

    Of channels that are not red, green and blue the mean is drawn.
    """
    x = numpy.clip((sample.astype(float) - low) / ((high - low) or 1.0), 0.0, 1.0)
    x = x if len(x) == 3 else numpy.repeat(x.mean(axis=0, keepdims=True), 3, axis=0)
    return shrunk(numpy.rint(255 * x).astype(numpy.uint8).transpose(1, 2, 0))


def value_range(samples: Images) -> tuple[float, float]:
    """Return the values to draw black and white: the lowest and the highest of all samples.

    Of samples on disk, of some of them. Of colour pictures of 8 bits 0 and 255: colours stay.

    samples: (n, c, h, w), or one of them, (c, h, w).
    """
    if samples.dtype == numpy.uint8 and samples.shape[-3] == 3:
        return 0.0, 255.0
    if isinstance(samples, Stored):
        samples = some_of(samples, len(samples))
    return float(samples.min()), float(samples.max())


def shrunk(pixels: numpy.ndarray, most: int = MOST_PIXELS) -> numpy.ndarray:
    """Return pixels or numbers (h, w, ...) with sides of at most `most`: means of square blocks."""
    block = -(-max(pixels.shape[:2]) // most)
    if block == 1:
        return pixels
    h, w = (max(size // block, 1) for size in pixels.shape[:2])
    kept = pixels[: h * block, : w * block]
    kh, kw = kept.shape[0] // h, kept.shape[1] // w
    means = kept.reshape(h, kh, w, kw, *pixels.shape[2:]).mean(axis=(1, 3))
    return numpy.asarray(numpy.rint(means) if pixels.dtype == numpy.uint8 else means, pixels.dtype)
