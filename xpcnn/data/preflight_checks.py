"""Warnings of likely mistakes in data, in plain words, before the first step.

Computed on the host, so the same on every backend. Rejects nothing and changes nothing: certain
mistakes (labels out of range or one-hot, other dtypes, NaN, channels-last images) raise an error
when a `Dataset` is constructed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from xpcnn.data.dataset import Dataset
from xpcnn.data.image_hashes import digests
from xpcnn.data.images import FIRST, channel_statistics
from xpcnn.data.stored import Images, chunks, goes_by_names, in_order, some_of
from xpcnn.errors import counted

_JUMP = 10.0  # how many times wider, or narrower, than normalised for
_COARSE = 0.05  # steps of float32, as part of the deviation
_IMBALANCE = 20.0  # images of the largest class for one of the smallest; without a label for one
_LOOKED_AT = 100  # pictures of a stream, each of which has to be decoded
_SAMPLE = 1000  # images that the spread is taken from

Statistics = tuple[float, ...]  # a number for each channel


@dataclass(frozen=True)
class Finding:
    """A likely mistake in a data set.

    kind: name of the check that found it.
    number: the figure in `message`.
    message: what is likely wrong, as a sentence.
    advice: one thing to do about it.
    """

    kind: str
    number: float
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.message}. Try: {self.advice}"


def preflight(
    train: Dataset,
    validation: Dataset | None = None,
    *,
    test: Dataset | None = None,
    outputs: int | None = None,
    mean: Statistics | None = None,
    std: Statistics | None = None,
) -> list[Finding]:
    """Return what is likely wrong with the parts of a data set.

    The checks are, in this order: classes and labels without an image, labels of every image,
    numbers that are all equal, outputs that do not match the classes, classes of very different
    sizes and rare labels, constant images, values on another scale than `mean` and `std`, and
    images of the training part that are also in another part. Of pictures that stay on disk, 100
    are checked, and none is compared with others.

    train, validation, test: the parts; None for a part that is missing.
    outputs: number of outputs of the network; None for no check.
    mean, std: normalisation of a trained model, one number per channel; None for that of `train`.
    """
    parts = {"training": train, "validation": validation, "test": test}
    there = {name: part for name, part in parts.items() if part is not None}
    found = [finding for name, part in there.items() for finding in _missing(name, part)]
    if train.task == "classification":
        found += _outputs(len(train.classes), outputs)
        found += _imbalance(train)
    elif train.task == "multi-label":
        found += _rare(train)
    for name, part in there.items():
        found += _constant(name, part)
    for name, part in there.items():
        found += off_scale(name, part.images, mean or train.mean, std or train.std)
    del there["training"]
    if there:
        found += _duplicates(train, there)
    return found


def _missing(name: str, part: Dataset) -> Iterator[Finding]:
    """Yield classes and labels that no image has, labels that all have, and constant numbers."""
    if part.task == "regression":
        same = part.labels.min(axis=0) == part.labels.max(axis=0)
        if same.any() and len(part) > 1:
            message = f"numbers that are equal for all {name} images: "
            equal = [part.classes[i] for i in np.flatnonzero(same)]
            advice = "leave these columns out" if name == "training" else f"a larger {name} part"
            yield Finding("equal targets", len(equal), message + _listing(equal), advice)
        return
    if part.task == "multi-label":
        counts = part.labels.sum(axis=0)
    else:
        counts = np.bincount(part.labels, minlength=len(part.classes))
    absent = [part.classes[i] for i in np.flatnonzero(counts == 0)]
    if absent:
        message = f"{len(absent)} of {len(part.classes)} {part.of_what} have no {name} image: "
        advice = {
            "training": f"leave these {part.of_what} out, or find images of them",
            "validation": "a larger part for validation",
        }.get(name, "test images of every class")
        yield Finding("missing classes", len(absent), message + _listing(absent), advice)
    everywhere = [part.classes[i] for i in np.flatnonzero(counts == len(part))]
    if everywhere and part.task == "multi-label" and name == "training":
        message = f"{len(everywhere)} of {len(part.classes)} labels are in every {name} image: "
        advice = "leave these labels out, or find images without them"
        yield Finding("labels everywhere", len(everywhere), message + _listing(everywhere), advice)


def _rare(train: Dataset) -> Iterator[Finding]:
    """Yield a finding where labels are in few of the images, but in some."""
    counts, n = train.labels.sum(axis=0), len(train)
    few = np.flatnonzero((counts > 0) & (n - counts > _IMBALANCE * counts))
    if few.size:
        ratio = float(max((n - counts[few]) / counts[few]))
        listing = _listing([f"{train.classes[i]} (in {counts[i]:.0f} of {n:,})" for i in few])
        many = f"{few.size} of {len(train.classes)} labels are in few training images: {listing}"
        advice = "--set loss.positive_weights=balanced (the loss's positive_weights), --loss focal"
        yield Finding("imbalance", ratio, many, advice)


def _outputs(classes: int, outputs: int | None) -> Iterator[Finding]:
    if outputs not in (None, classes) and (outputs, classes) != (1, 2):
        message = (
            f"the network has {counted(outputs, 'output')} and the data {counted(classes, 'class')}"
        )
        yield Finding("outputs", float(outputs or 0), message, f"a last layer Dense({classes})")


def _imbalance(train: Dataset) -> Iterator[Finding]:
    counts = np.bincount(train.labels)
    counts = np.where(counts == 0, counts.max(), counts)  # missing classes have their own finding
    most, least = int(counts.argmax()), int(counts.argmin())
    ratio = float(counts[most] / counts[least])
    if ratio > _IMBALANCE:
        message = (
            f"class {train.classes[most]!r} has {ratio:.0f} times as many training images as "
            f"{train.classes[least]!r} ({counts[most]} and {counts[least]})"
        )
        advice = "--class-weights balanced (the loss's class_weights), or limit_per_class"
        yield Finding("imbalance", ratio, message, advice)


def _constant(name: str, part: Dataset) -> Iterator[Finding]:
    images, rows = part.images, np.arange(len(part))
    if goes_by_names(images):
        rows = images.some_rows(_LOOKED_AT)
        pixels = images.batches(rows[some] for some in in_order(len(rows), images.at_once))
    else:
        pixels = chunks(images, _SAMPLE)
    if images.shape[2:] == (1, 1):
        return
    flat = [(x.min(axis=(2, 3)) == x.max(axis=(2, 3))).all(axis=1) for x in pixels]
    same = rows[np.concatenate(flat)]
    if same.size:
        message = f"{same.size} of {len(rows)} {name} images are blank, the same all over: images "
        advice = "leave them out, or fix their source"
        yield Finding("constant", int(same.size), message + _listing(list(same)), advice)


def rounded_away(part: Dataset) -> list[Finding]:
    """Return a finding for the first channel or feature whose differences float32 cannot hold.

    A time in seconds since 1970, near 1.7e9, is a multiple of 128 in float32: differences within a
    minute are lost. NumPy's float64 has them, and samples are rounded before they are normalised.
    """
    if part.images.dtype != np.float32:
        return []
    for channel, (mean, std) in enumerate(zip(part.mean, part.std, strict=True)):
        step = float(np.spacing(np.float32(abs(mean))))
        if step > _COARSE * std:
            message = f"values of channel {channel} lie near {mean:.3g}, where float32 has steps of"
            message += f" {step:g}, and deviate by {std:.3g}: their differences are rounded away"
            advice = "take the mean of the training samples from all, in float64, before"
            return [Finding("rounded away", step / std, message, advice)]
    return []


def off_scale(name: str, images: Images, mean: Statistics, std: Statistics) -> Iterator[Finding]:
    """Yield a finding where images (n, c, h, w) spread ten times wider than `std`, or narrower."""
    sample = some_of(images, _SAMPLE)
    _, deviations = channel_statistics(sample)
    varied = sample.min(axis=(0, 2, 3)) < sample.max(axis=(0, 2, 3))  # (c,)
    ratios = [own / s for own, s, v in zip(deviations, std, varied, strict=True) if v]
    if not ratios or (min(ratios) <= _JUMP and max(ratios) >= 1 / _JUMP):
        return
    ratio = float(np.median(ratios))
    low, high = float(sample.min()), float(sample.max())
    verb, most = ("divide", 255.0) if ratio > 1 else ("multiply", 1.0)
    bytes_and_parts = 100 < max(ratio, 1 / ratio) < 500 and high <= most  # not 0 to 65535
    factor = "255" if bytes_and_parts else "what makes the scales equal"
    message = (
        f"{name} images spread {ratio:.3g} times as wide as what the model normalises for: "
        f"values {low:g} to {high:g}, normalised for a mean of {mean[0]:.3g} and a deviation of "
        f"{std[0]:.3g}"
    )
    yield Finding("scale", ratio, message, f"{verb} the {name} images by {factor}")


def _duplicates(train: Dataset, others: dict[str, Dataset]) -> Iterator[Finding]:
    if goes_by_names(train.images):
        return
    known: dict[bytes, set[object]] = {}  # the labels of each training image
    for digest, label in zip(digests(train.images), _hashable(train), strict=True):
        known.setdefault(digest, set()).add(label)
    for name, part in others.items():
        pairs = zip(digests(part.images), _hashable(part), strict=True)
        differ = [label not in known[digest] for digest, label in pairs if digest in known]
        if differ:
            message = (
                f"{len(differ)} of {len(part)} {name} images are in the training part too, "
                f"{sum(differ)} of them with another label"
            )
            advice = "take them out of one part, and correct labels that differ"
            yield Finding("duplicates", len(differ), message, advice)


def _hashable(part: Dataset) -> list[object]:
    """Return the label of each image, or its targets as a tuple."""
    rows: list[object] = part.labels.tolist()
    return [tuple(row) if isinstance(row, list) else row for row in rows]


def _listing(items: Sequence[object]) -> str:
    """Return the first few items, and a sign that there are more."""
    more = ", ..." if len(items) > FIRST else ""
    return ", ".join(map(str, items[:FIRST])) + more
