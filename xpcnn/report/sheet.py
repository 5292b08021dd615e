"""A contact sheet of a data set, class by class: samples as they are, and after augmentation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from xpcnn import ops
from xpcnn.backend import load
from xpcnn.data import Dataset
from xpcnn.data.augment import Augmentation, Augmenter
from xpcnn.data.drawn import picture, value_range
from xpcnn.errors import DataError, hint

MOST = 400  # samples of a sheet


@dataclass(frozen=True)
class SheetRow:
    """A class: its name, how many samples it has, and pictures (uint8, RGB) of its first ones.

    after: the same samples after augmentation; none without.
    """

    name: str
    samples: int
    before: Sequence[numpy.ndarray]
    after: Sequence[numpy.ndarray]


def contact_sheet(
    data: Dataset, augment: Sequence[Augmentation] = (), *, per_class: int = 8, seed: int = 0
) -> list[SheetRow]:
    """Return a row for each class, label or number of a data set; numbers from least to greatest.

    Args:
        data: images (n, c, h, w).
        augment: the augmentations that training would use, in turn.
        per_class: number of samples of each class, the first ones; fewer if the sheet would be too
            large.
        seed: seed of the augmentations, which are those of the first epoch of a training on the
            samples of the sheet.

    Raises:
        DataError: the samples are rows of features, not images.
    """
    if data.shape[1:] == (1, 1):
        message = f"data set {data.name!r} has rows of features, not images"
        raise DataError(hint(message, "a data set of images"))
    per_class = max(1, min(per_class, MOST // len(data.classes)))
    rows = [members(data, k, per_class) for k in range(len(data.classes))]
    chosen = data.subset(numpy.concatenate(rows))
    low, high = value_range(chosen.images)
    before = [picture(x, low, high) for x in chosen.images]
    after = [picture(x, low, high) for x in augmented(chosen, augment, seed)] if augment else []
    counts = [len(members(data, k, len(data))) for k in range(len(data.classes))]
    sheet, start = [], 0
    for name, count, found in zip(data.classes, counts, rows, strict=True):
        stop = start + len(found)
        sheet.append(SheetRow(name, count, before[start:stop], after[start:stop]))
        start = stop
    return sheet


def members(data: Dataset, k: int, most: int) -> numpy.ndarray:
    """Return the first rows of a class or label; of a number `most` rows, the least first."""
    if data.task == "regression":
        order = numpy.argsort(data.labels[:, k], kind="stable")
        places = numpy.linspace(0, len(order) - 1, min(most, len(order))).astype(int)
        return numpy.asarray(order[places])
    has = data.labels[:, k] == 1 if data.task == "multi-label" else data.labels == k
    return numpy.flatnonzero(has)[:most]


def augmented(data: Dataset, augment: Sequence[Augmentation], seed: int) -> numpy.ndarray:
    """Return the images of a data set after augmentation, in the units of its images: float32.

    The images are normalised and augmented as a network sees them, then scaled back.
    """
    library = load("numpy")
    mean, std = (numpy.asarray(x, numpy.float32) for x in (data.mean, data.std))
    augmenter = Augmenter(
        augment, library, seed=seed, shape=data.shape, outputs=len(data.classes), dtype="float32"
    )
    apply = augmenter.epoch(1, numpy.arange(len(data)))
    x, _ = apply(ops.normalise(data.images[:], mean, std), data.labels, 0, 1)
    return numpy.asarray(x * std[:, None, None] + mean[:, None, None])
