"""The split into training and validation, and into folds: by hashes of images, not by their order.

Within each class, the images with the lowest hashes of (seed, label, pixels) go to validation, as
many as the fraction asks for. So each class gives its share, to within one image. The order of the
images does not matter. If images are added or removed, almost all others stay in their part. Equal
images with equal labels are never on both sides.
Images with several labels, or with numbers, are treated as one class.

The hash is of the number of the label and the pixels as they are read. So the split changes if
labels get other numbers (a new class that sorts earlier), or if all pictures are read in another
size or mode (because of a new picture). For pictures that stay on disk, it is of the name of the
file in place of the pixels.

The split is the same on every machine and backend: hashes are computed on the host, of bytes in one
order. Only a picture that another version of Pillow decodes to other pixels may change sides.

`Model.fit(..., validation=0.1)` and `xpcnn train` split the training part in this way, unless the
data have a validation part of their own. The test part is that of the files; for the user's own
data without one, `own_data` takes it first, in the same way.
"""

import numpy as np

from xpcnn import random
from xpcnn.data.dataset import Dataset
from xpcnn.data.image_hashes import lowest, unit_hashes
from xpcnn.errors import ConfigError, DataError, hint


def split(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset | None]:
    """Return (train, validation): a fraction of each class in `validation`, order kept.

    dataset: the data set to split.
    fraction: share of each class that goes to validation, in [0, 1).
    seed: any whole number; another seed gives another split.

    Of a class of n images, floor(fraction * n + u) go to validation, u in [0, 1) by a hash of
    (seed, label). validation is None if the fraction is 0, or if it is too small for one image of
    any class. Both parts keep the mean and std of `dataset`.

    Raises:
        ConfigError: fraction is not in [0, 1).
        DataError: no image is left to train on.
    """
    if not 0 <= fraction < 1:
        message = f"the validation fraction must be in [0, 1), got {fraction}"
        raise ConfigError(hint(message, "0.1 for a tenth of the images, 0 for none"))
    if fraction == 0:
        return dataset, None
    key = random.key(seed, "validation").to_bytes(16, "little")
    hashes = unit_hashes(dataset.images, key, dataset.strata, size=8)
    chosen = lowest(hashes, dataset.strata, fraction, key)
    if chosen.all():
        message = f"data set {dataset.name!r}: all {len(dataset)} images fall into validation"
        raise DataError(hint(message, "a smaller validation fraction, or another seed"))
    if not chosen.any():
        return dataset, None
    return dataset.subset(~chosen), dataset.subset(chosen)


def fold(dataset: Dataset, number: int, folds: int, seed: int) -> tuple[Dataset, Dataset]:
    """Return (train, validation): one fold of `folds` in `validation`, all others in `train`.

    Every image is in the validation part of exactly one fold. The images of a class are dealt out
    in the order of their hashes, so that the folds of a class differ by one image at most; equal
    images of a class count as one there, and stay together. Both parts keep the order, mean and std
    of `dataset`.

    Args:
        dataset: the data set to split.
        number: number of the fold that validates, from 1 to `folds`.
        folds: number of folds, 2 or more.
        seed: any whole number; another seed gives other folds.

    Raises:
        ConfigError: `folds` or `number` is out of range.
        DataError: there are fewer images that differ than folds.
    """
    if folds < 2:
        message = f"folds is {folds}, expected 2 or more"
        raise ConfigError(hint(message, "folds=5"))
    if not 1 <= number <= folds:
        message = f"fold is {number}, expected a number from 1 to {folds}"
        raise ConfigError(hint(message, "fold=1"))
    key = random.key(seed, "folds").to_bytes(16, "little")
    strata = dataset.strata
    hashes = unit_hashes(dataset.images, key, strata, size=8)
    dealt = np.empty(len(dataset), np.int64)
    first = 0  # continues from class to class, so that the folds are of one size
    for stratum in np.unique(strata):
        chosen = np.flatnonzero(strata == stratum)
        distinct, rank = np.unique(hashes[chosen], return_inverse=True)
        dealt[chosen] = (first + rank) % folds
        first += len(distinct)
    if first < folds:
        message = (
            f"data set {dataset.name!r}: {first} different images are too few for {folds} folds"
        )
        raise DataError(hint(message, "fewer folds"))
    mask = dealt == number - 1
    return dataset.subset(~mask), dataset.subset(mask)
