"""A labelled set of images on the host, checked once when it is made.

It holds what is on disk and changes nothing: images stay uint8 or float32 as they are, the model
normalises. Rejects empty data, other dtypes, NaN, channels-last images and labels without a class.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from xpcnn.argument_advice import advised, no_attribute
from xpcnn.data.class_selection import check_limits, class_indices, selected
from xpcnn.data.drawn import sample_figure
from xpcnn.data.images import as_kept, channel_statistics, check_images
from xpcnn.data.labels import (
    MOST_CLASSES,
    as_indices,
    as_names,
    as_targets,
    check_range,
)
from xpcnn.data.reading import Reading
from xpcnn.data.stored import Images, Stored, part_of
from xpcnn.errors import ConfigError, DataError, LabelError, counted, hint
from xpcnn.options import check_count
from xpcnn.text_table import Table
from xpcnn.types import Shape, TaskName

if TYPE_CHECKING:
    from xpcnn.figures import Canvas

_FROM_ARRAYS = "Dataset.from_arrays, which works out mean and std"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images with one class each, or with several labels or numbers.

    images: uint8 or float32 (n, c, h, w): a NumPy array, or `Stored` images, which stay on disk
        and are read by index, as a memory map is.
    labels: integers (n,), kept as int64; of the other tasks targets (n, k), kept as float64: 0 and
        1 (multi-label), or numbers (regression).
    classes: the name of each class, label or number.
    name: of the data set.
    mean, std: per channel, in the units of the images, of the whole training part; `subset`,
        `select` and `split` keep them, and the other parts have those of the training part too.
    reading: how picture files became the images; None if they were given as arrays.
    notes: what was decided while files were read, in sentences for the user.
    task: "classification", "multi-label" or "regression".
    """

    images: Images
    labels: np.ndarray
    classes: tuple[str, ...]
    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    reading: Reading | None = None
    notes: tuple[str, ...] = ()
    task: TaskName = "classification"

    def __post_init__(self) -> None:
        where = f"data set {self.name!r}"
        images = as_kept(self.images, where)
        check_images(images, where)
        object.__setattr__(self, "images", images)
        if self.task == "classification":
            labels = as_indices(self.labels, len(self.images), where)
            check_range(labels, len(self.classes), where)
        else:
            count, names = len(self.images), len(self.classes)
            labels = as_targets(self.labels, count, names, self.task, where)
        object.__setattr__(self, "labels", labels)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.shape[0] or not all(map(math.isfinite, values)):
                message = f"{where}: {name} must be {self.shape[0]} finite numbers"
                raise DataError(hint(message, _FROM_ARRAYS))
        if min(self.std) <= 0:
            raise DataError(hint(f"{where}: std must be above 0", _FROM_ARRAYS))
        if self.reading is not None and self.reading.shape != self.shape:
            message = f"{where}: reading is for {self.reading.shape}, the images are {self.shape}"
            raise DataError(hint(message, "reading=None, for arrays"))

    @classmethod
    def from_arrays(
        cls,
        images: Images,
        labels: Sequence[int] | np.ndarray,
        classes: Sequence[str] | None = None,
        name: str = "arrays",
        reading: Reading | None = None,
        task: TaskName = "classification",
    ) -> "Dataset":
        """Make a training part of arrays; mean and std are those of `images`.

        Of pictures that stay on disk they are those of 1,000, which the hashes of names choose, or
        of as many as have 2^30 values.

        Without `classes` the names are "0", "1", ... up to the largest label, or for each column of
        targets. reading: how picture files became the images; None where they were arrays from the
        start. task: what the labels are.

        Raises:
            DataError, LabelError, ShapeError, DTypeError: what is wrong, and the likely fix.
        """
        where = f"data set {name!r}"
        images = as_kept(images, where)
        check_images(images, where)
        classes = None if classes is None else as_names(classes, where)
        if task != "classification":
            names = None if classes is None else len(classes)
            indices = as_targets(labels, len(images), names, task, where)
            classes = [str(k) for k in range(indices.shape[1])] if classes is None else classes
        else:
            indices = as_indices(labels, len(images), where)
        if classes is None:
            largest = int(indices.max())
            if largest >= MOST_CLASSES:
                message = f"{where}: the largest label is {largest}, and no class names are given"
                raise LabelError(hint(message, "classes=..., a name for each label from 0 on"))
            classes = [str(label) for label in range(max(largest, 0) + 1)]
        if task == "classification":
            check_range(indices, len(classes), where)
        known = images.for_statistics() if isinstance(images, Stored) else images
        mean, std = channel_statistics(known)
        return cls(images, indices, tuple(classes), name, mean, std, reading, task=task)

    def __eq__(self, other: object) -> bool:
        """Whether another data set holds the same: images of the same dtype, and all else."""
        if not isinstance(other, Dataset):
            return NotImplemented
        return all(
            _same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.images.shape, self.classes))

    @property
    def shape(self) -> Shape:
        """The shape of one image, (c, h, w)."""
        shape: Shape = self.images.shape[1:]
        return shape

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, indices: slice | Sequence[int] | np.ndarray) -> "Dataset":
        """Return the images of a slice, of a list of indices, or of a mask, as `subset` does.

        Raises:
            DataError: a single index, or one that does not exist.
        """
        if isinstance(indices, slice):
            try:
                return self.subset(np.arange(len(self))[indices])
            except TypeError as error:  # train["a":]
                message = f"data set {self.name!r}: {indices}"
                raise DataError(hint(message, "train[:10], with whole numbers")) from error
        if isinstance(indices, list | np.ndarray):
            return self.subset(indices)
        message = f"data set {self.name!r} is indexed by {type(indices).__name__}, expected a slice"
        advice = (
            "train[0:1], a list of indices, or train.images[0] and train.labels[0]; in a loop, "
        )
        advice += "for image, label in zip(train.images, train.labels)"
        raise DataError(hint(message, advice))

    if not TYPE_CHECKING:  # to type checkers, unknown attributes are unknown

        def __getattr__(self, name: str) -> NoReturn:
            """Say what to write in place of an attribute that data sets have elsewhere."""
            raise no_attribute("Dataset", name, dir(self))

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape))
        return (
            f"Dataset({self.name!r}, {counted(len(self), 'image')} of {size} {self.images.dtype}, "
            f"{counted(len(self.classes), self.noun)})"
        )

    @property
    def of_what(self) -> str:
        """What `classes` are the names of: "classes", "labels" or "numbers"."""
        return "classes" if self.noun == "class" else f"{self.noun}s"

    @property
    def noun(self) -> str:
        """What one of `classes` is the name of: "class", "label" or "number"."""
        return {"classification": "class", "multi-label": "label"}.get(self.task, "number")

    @property
    def strata(self) -> np.ndarray:
        """The groups that a split divides in proportion, int64 (n,): classes; one for targets."""
        return self.labels if self.task == "classification" else np.zeros(len(self), np.int64)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: how many images have each class or label, or the numbers'
        means."""
        if self.task == "regression":
            means = zip(self.classes, self.labels.mean(axis=0), strict=True)
            rows = [(name, f"{mean:.6g}") for name, mean in means]
            return Table(repr(self), ("number", "mean"), rows, "<>").html()
        if self.task == "multi-label":
            counts = self.labels.sum(axis=0).astype(np.int64)
        else:
            counts = np.bincount(self.labels, minlength=len(self.classes))
        rows = [(name, f"{n:,}") for name, n in zip(self.classes, counts, strict=True)]
        what = "label" if self.task == "multi-label" else "class"
        return Table(repr(self), (what, "images"), rows, "<>").html()

    def plot(self, count: int = 20) -> "Canvas":
        """Return a figure of matplotlib: the first `count` images with their labels.

        `train[train.labels == 3].plot()` shows those of a class; `.savefig("a.png")` writes a file.

        Raises:
            ConfigError, DataError: count is below 1, or the samples are rows of features.
            PackageMissingError: matplotlib is not installed.
        """
        first = slice(check_count("count", count))
        images, labels, where = self.images[first], self.labels[first], f"data set {self.name!r}"
        return sample_figure(images, labels, self.classes, self.task, where)

    def digest(self) -> str:
        """Return a hash of the images and labels in their order, 32 hexadecimal digits."""
        kind = f"{self.images.dtype.name} {self.images.shape}"
        h = hashlib.blake2b(kind.encode(), digest_size=16)
        parts = self.images.identity() if isinstance(self.images, Stored) else [self.images]
        for part in parts:
            h.update(np.ascontiguousarray(part, part.dtype.newbyteorder("<")).data)
        kept = "<i8" if self.task == "classification" else "<f8"
        h.update(np.ascontiguousarray(self.labels, dtype=kept).data)
        return h.hexdigest()

    def subset(self, indices: Sequence[int] | np.ndarray) -> "Dataset":
        """Return the images at `indices` (integers or a boolean mask), in that order.

        They are copied, unless they are on disk (`Stored`).
        """
        where = np.asarray(indices)
        if where.size == 0:
            message = f"data set {self.name!r}: a subset of no images"
            raise DataError(hint(message, "at least one index, or a mask that is true somewhere"))
        try:
            return replace(self, images=part_of(self.images, where), labels=self.labels[where])
        except IndexError as error:
            message = f"data set {self.name!r}: subset: {error}"
            raise DataError(hint(message, f"indices from 0 to {len(self) - 1}")) from error

    def select(
        self,
        *,
        classes: Iterable[str | int] | None = None,
        limit: int | None = None,
        limit_per_class: int | None = None,
    ) -> "Dataset":
        """Return fewer images, in their order: those of `classes`, of these the first of each
        class, of these the first of all.

        classes: names or indices; they become the labels 0, 1, ... in the order given, and keep
        their names. A limit above the number of images takes all of them.

        Raises:
            ConfigError: an unknown or repeated class, or a limit below 1.
            DataError: no image is left.
        """
        if classes is None and limit is None and limit_per_class is None:
            return self
        check_limits(limit=limit, limit_per_class=limit_per_class)
        if self.task != "classification":
            if classes is not None or limit_per_class is not None:
                message = f"data set {self.name!r} has {self.task} targets, no classes to choose"
                raise ConfigError(hint(message, "limit, or no choice of classes"))
            return self.subset(np.arange(min(limit or len(self), len(self))))
        where = f"data set {self.name!r}"
        chosen = None if classes is None else class_indices(classes, self.classes, where)
        keep, labels = selected(self.labels, chosen, limit_per_class)
        names = self.classes if chosen is None else tuple(self.classes[i] for i in chosen)
        keep = keep[:limit]
        if keep.size == 0:
            listing = ", ".join(names)
            message = f"{where} has no image of the classes {listing}"
            raise DataError(hint(message, "classes that have images"))
        return replace(self, images=part_of(self.images, keep), labels=labels[keep], classes=names)


advised(Dataset)


def _same(a: object, b: object) -> bool:
    """Whether two fields hold the same."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return a == b
