"""From X and sample weights of scikit-learn to the samples of a model."""

import math
from typing import Any

import numpy

from xpcnn.data.images import channel_statistics
from xpcnn.errors import ShapeError, hint
from xpcnn.inputs import check_shape
from xpcnn.model_arguments import as_input_shape
from xpcnn.types import Shape

KEPT = (numpy.uint8, numpy.float32, numpy.float64)
"""Types of samples that a model takes; it rounds float64 to float32. All others become float32."""


def as_samples(x: numpy.ndarray, shape: Shape) -> numpy.ndarray:
    """Return X as samples (n, *shape): rows of as many numbers as an image has become images.

    Raises:
        ShapeError: X is neither that nor of this shape.
    """
    if x.dtype not in KEPT:
        x = x.astype(numpy.float32)
    if x.ndim == 2 and len(shape) == 3:
        if x.shape[1] != math.prod(shape):
            message = f"X has {x.shape[1]} features, image_shape {shape} has {math.prod(shape)}"
            raise ShapeError(hint(message, "image_shape=(c, h, w) of c * h * w features"))
        return x.reshape(len(x), *shape)
    check_shape(x, shape)
    return x


def shape_of(x: numpy.ndarray, image_shape: Any) -> Shape:
    """Return the shape of one sample: image_shape, (h, w) meaning grey, or else that of X.

    Raises:
        ShapeError: image_shape is no shape of an image, or X has none of its own.
    """
    if image_shape is not None:
        sizes = tuple(image_shape) if isinstance(image_shape, list | tuple) else (image_shape,)
        shape = as_input_shape((1, *sizes) if len(sizes) == 2 else sizes)
        if len(shape) == 3:
            return shape
        message = f"image_shape is {shape}, expected (c, h, w), or (h, w) for grey images"
        raise ShapeError(hint(message, "image_shape=None, for rows of features"))
    if x.ndim in (2, 4):
        return x.shape[1:]
    message = f"X has shape {x.shape}, expected (n, features) or (n, c, h, w)"
    raise ShapeError(hint(message, "X[:, None], for grey images"))


def statistics(
    x: numpy.ndarray, weights: numpy.ndarray | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (mean, std) per channel of samples (n, c, ...), a sample counting as its weight says.

    A channel that is constant gets std 1.0.
    """
    flat = x.reshape(len(x), x.shape[1], -1)  # (n, c, pixels)
    counted = flat if weights is None else flat[weights > 0.0]
    is_varied = numpy.ptp(counted, axis=(0, 2)) > 0  # else rounding may leave a std above 0
    if weights is None:
        mean, std = map(numpy.asarray, channel_statistics(flat[..., None]))
    else:
        exact = flat.astype(numpy.float64)
        share = weights / (weights.sum() * exact.shape[2])  # (n,)
        mean = numpy.einsum("n,ncp->c", share, exact)
        exact -= mean[:, None]
        std = numpy.sqrt(numpy.einsum("n,ncp,ncp->c", share, exact, exact))
    return tuple(mean.tolist()), tuple(numpy.where(is_varied, std, 1.0).tolist())
