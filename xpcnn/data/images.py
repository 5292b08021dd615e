"""Images, checked once on the host, and their statistics per channel.

Rejects what would have to be guessed or converted: other ranks and dtypes, channels-last images,
NaN. Every error begins with `where`, the data set the images belong to.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from xpcnn.data.labels import check_unmasked
from xpcnn.data.stored import Images, Mapped, Stored, chunks, is_mapped
from xpcnn.errors import DataError, DTypeError, ShapeError, hint, kind
from xpcnn.types import Shape

Part = tuple[Images, np.ndarray]  # images and labels

FIRST = 5  # offenders named in a message

_CHUNK = 1 << 17  # float64 values held at a time: 1 MiB, which stays in a core's cache


def as_kept(images: Any, where: str) -> Any:
    """Return images as a data set keeps them: of a memory map, what reads it by index."""
    check_unmasked(images, where, "images")
    if not isinstance(images, np.ndarray):
        return images
    return Mapped(images) if images.ndim == 4 and is_mapped(images) else np.asarray(images)


def check_images(images: Images, where: str) -> None:
    """Reject what is not a finite uint8 or float32 array (n, c, h, w) on the host, with n > 0.

    images: an array, or images that stay on disk.

    Raises:
        ShapeError: another rank, or channels-last.
        DTypeError: another dtype, or no NumPy array.
        DataError: no images, or NaN or infinity in them.
    """
    if not isinstance(images, np.ndarray | Stored):
        message = f"{where}: images must be a NumPy array, got {kind(images)}"
        raise DTypeError(hint(message, "numpy.asarray(images)"))
    if images.ndim != 4:
        message = f"{where}: images must have the shape (n, c, h, w), got {images.shape}"
        advice = "images.reshape(n, c, h, w)"
        if images.ndim == 3:
            advice = "images[:, None], if they are grey"
        elif images.ndim == 2:
            advice += "; other numbers than pixels: Model.fit in Python"
        raise ShapeError(hint(message, advice))
    if images.size == 0:
        message = f"{where} is empty: images have the shape {images.shape}"
        raise DataError(hint(message, "check the path, or the filter that chose the images"))
    if channels_last(images.shape):
        message = f"{where}: images look channels-last, expected (n, c, h, w), got {images.shape}"
        raise ShapeError(hint(message, "images.transpose(0, 3, 1, 2)"))
    if images.dtype not in (np.uint8, np.float32):
        message = f"{where}: images must be uint8 or float32, got {images.dtype}"
        raise DTypeError(hint(message, "images.astype('float32')"))
    check_finite(images, where, "images")


def check_finite(samples: Images, where: str, things: str) -> None:
    """Reject NaN and infinity in samples (n, ...), naming the first samples that hold one.

    Raises:
        DataError: there are some. `things` is what the error calls samples.
    """
    if samples.dtype.kind != "f" or (isinstance(samples, Stored) and samples.finite):
        return
    bad = [i for i, sample in enumerate(samples) if not np.isfinite(sample).all()]
    if bad:
        first = ", ".join(map(str, bad[:FIRST]))
        message = (
            f"{where}: {len(bad)} of {len(samples)} {things} hold NaN or infinity, "
            f"the first: {things} {first}"
        )
        raise DataError(hint(message, f"leave these {things} out, or fix their source"))
    if isinstance(samples, Stored):
        samples.finite = True


def channels_last(shape: Shape) -> bool:
    """Whether a shape is (n, h, w, c): 3 or 4 last are colours, and 1 after a square is grey."""
    if len(shape) != 4:
        return False
    _, h, w, c = shape
    return h > 4 and w > 4 and (c in (3, 4) or (c == 1 and h == w))


def channel_statistics(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (mean, std) of each channel of images (n, c, h, w), in the units of the images.

    Sums run in float64; pieces of images are joined by the formula of Chan, Golub and LeVeque
    (1979): with d the difference of the means of two parts, M = M1 + M2 + d^2 n1 n2 / (n1 + n2), so
    the variance never is a small difference of large sums. It is the biased variance. A channel
    that is constant gets std 1.0, so that dividing by it does no harm; its variance is exactly 0,
    for a piece of equal float32 values has an exact sum in float64.
    """
    c = images.shape[1]
    count = 0
    mean, squares = np.zeros(c), np.zeros(c)  # squares: sum of (x - mean)^2
    for piece in _pieces(images):
        x = piece.astype(np.float64)
        size = x.size // c
        own = x.mean(axis=(0, 2, 3))  # (c,)
        x -= own[:, None, None]
        d = own - mean
        squares += np.einsum("nchw,nchw->c", x, x) + d * d * (count * size / (count + size))
        mean += d * (size / (count + size))
        count += size
    deviations = [math.sqrt(s / count) for s in squares]
    return tuple(map(float, mean)), tuple(s or 1.0 for s in deviations)


def _pieces(images: Images) -> Iterator[np.ndarray]:
    """Yield images (n, c, h, w) in pieces of about `_CHUNK` values: some images, or some rows of
    large ones."""
    _, c, h, w = images.shape
    rows = max(1, _CHUNK // (c * w))
    for chunk in chunks(images, max(1, rows // h)):
        for start in range(0, h, rows):
            yield chunk[:, :, start : start + rows]
