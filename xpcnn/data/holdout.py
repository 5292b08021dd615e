"""Setting a validation part aside by what an image is, not by where it stands.

Within each class, the images with the lowest hashes of (seed, label, pixels) go to validation, as
many as the fraction asks for. So every class loses its share to within one image, the order of the
images does not matter, an image nearly always keeps its part when others come or go (only those
next to the limit change places), and equal images with equal labels are never on both sides.
"""

from xpcnn import random
from xpcnn.data.dataset import Dataset
from xpcnn.data.hashes import lowest, unit_hashes
from xpcnn.errors import ConfigError, DataError, hint


def split(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset | None]:
    """Return (train, validation): the fraction of each class in `validation`, order kept.

    Of a class of n images, floor(fraction * n + u) go to validation, u in [0, 1) by a hash of
    (seed, label). validation is None where the fraction is 0, or where no class of a small set
    comes to one image. Both parts keep the mean and std of `dataset`.

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
    hashes = unit_hashes(dataset.images, key, dataset.labels, size=8)
    chosen = lowest(hashes, dataset.labels, fraction, key)
    if chosen.all():
        message = f"data set {dataset.name!r}: all {len(dataset)} images fall into validation"
        raise DataError(hint(message, "a smaller validation fraction, or another seed"))
    if not chosen.any():
        return dataset, None
    return dataset.subset(~chosen), dataset.subset(chosen)
