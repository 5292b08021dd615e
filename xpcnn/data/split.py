"""Setting a validation part aside by what an image is, not by where it stands.

An image goes to validation when a hash of (seed, label, pixels) lies below the fraction. So every
class loses about that share, an image keeps its part when others come, go or change places, and
equal images with equal labels are never on both sides. Refuses to even out the counts, which are
binomial: that would tie the part of one image to the others.
"""

import hashlib

import numpy as np

from xpcnn import random
from xpcnn.data.dataset import Dataset
from xpcnn.errors import ConfigError, DataError, hint


def split(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset | None]:
    """Return (train, validation): about `fraction` of the images in `validation`, order kept.

    validation is None where the fraction is 0, or where no image of a small set falls below it.
    Both parts keep the mean and std of `dataset`.

    Raises:
        ConfigError: fraction is not in [0, 1).
        DataError: no image is left to train on.
    """
    if not 0 <= fraction < 1:
        message = f"the validation fraction must be in [0, 1), got {fraction}"
        raise ConfigError(hint(message, "0.1 for a tenth of the images, 0 for none"))
    if fraction == 0:
        return dataset, None
    chosen = _places(dataset, seed) < fraction
    if chosen.all():
        message = f"data set {dataset.name!r}: all {len(dataset)} images fall into validation"
        raise DataError(hint(message, "a smaller validation fraction, or another seed"))
    if not chosen.any():
        return dataset, None
    return dataset.subset(~chosen), dataset.subset(chosen)


def _places(dataset: Dataset, seed: int) -> np.ndarray:
    """Return each image's place in [0, 1): the first 53 bits of its keyed blake2b, float64 (n,)."""
    keyed = hashlib.blake2b(
        key=random.key(seed, "validation").to_bytes(16, "little"), digest_size=8
    )
    images = np.ascontiguousarray(dataset.images, dataset.images.dtype.newbyteorder("<"))
    labels = dataset.labels.astype("<i8")[:, None]  # rows of 8 bytes
    digests = bytearray()
    for image, label in zip(images, labels, strict=True):
        h = keyed.copy()
        h.update(label)
        h.update(image)
        digests += h.digest()
    return (np.frombuffer(digests, "<u8") >> np.uint64(11)) * 2.0**-53
