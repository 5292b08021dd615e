"""`from_batches`: a data set in memory from a generator of batches.

Rejects batches that differ in shape or dtype. Limit a generator that never ends:
`from_batches(itertools.islice(generator, 100))`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from xpcnn.data.dataset import Dataset
from xpcnn.data.images import check_images
from xpcnn.data.labels import as_indices
from xpcnn.data.sample_pairs import as_array
from xpcnn.errors import DataError, DTypeError, ShapeError, hint


def from_batches(
    batches: Iterable[tuple[Any, Any]],
    classes: Sequence[str] | None = None,
    name: str = "batches",
) -> Dataset:
    """Collect batches into a data set, with the mean and std of all images.

    batches: pairs of images, uint8 or float32 (n, c, h, w) with n > 0, and integer labels (n,), as
        a `torch.utils.data.DataLoader` gives them: arrays of NumPy, or of a library whose arrays
        NumPy reads. They are copied, so a generator may reuse them.
    classes: names of the classes; None for numbers.
    name: name of the data set, for messages.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: a batch is not valid; the message has its
            number, from 0, and the reason.
    """
    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for i, batch in enumerate(batches):
        where = f"batch {i}"
        if not (isinstance(batch, tuple | list) and len(batch) == 2):
            message = f"{where}: expected a pair (images, labels), got {type(batch).__name__}"
            raise DataError(hint(message, "yield images, labels"))
        x, y = (as_array(part, where) for part in batch)
        check_images(x, where)
        if images and x.shape[1:] != images[0].shape[1:]:
            message = f"{where}: images have the shape {x.shape[1:]}, before {images[0].shape[1:]}"
            raise ShapeError(hint(message, "images of one size"))
        if images and x.dtype != images[0].dtype:
            message = f"{where}: images are {x.dtype}, before {images[0].dtype}"
            raise DTypeError(hint(message, f"images.astype('{images[0].dtype}')"))
        images.append(x.copy())
        labels.append(as_indices(y, len(x), where).copy())
    if not images:
        raise DataError(hint("there are no batches", "a fresh generator: one runs only once"))
    return Dataset.from_arrays(np.concatenate(images), np.concatenate(labels), classes, name)
