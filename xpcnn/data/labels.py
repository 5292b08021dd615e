"""Labels, checked once on the host: one class index per image, or a row of targets.

Rejects what would have to be guessed: one-hot rows, names, fractions, indices without a class.
Every error begins with `where`, the data set or file the labels belong to.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from xpcnn.errors import DataError, DTypeError, LabelError, counted, hint, nearest
from xpcnn.options import shown
from xpcnn.types import TaskName

FIRST = 5  # offenders named in a message
MOST_CLASSES = 1 << 16
"""Classes at most, where nobody lists their names."""

_NAMES = "names, labels = numpy.unique(labels, return_inverse=True), with classes=tuple(names)"
_KINDS = {  # by numpy's letter for the kind of dtype: what it is called, what to do
    "f": ("floats", "labels.astype('int64') for classes, Model(task='regression') for numbers"),
    "b": ("booleans", "labels.astype('int64')"),
    "U": ("strings", _NAMES),
    "S": ("strings", _NAMES),
    "T": ("strings", _NAMES),  # StringDType, of NumPy 2
}


def check_unmasked(values: object, where: str, things: str) -> None:
    """Reject NumPy's masked arrays: what is masked would be taken for a value like all others.

    Raises:
        DTypeError: `values` are one; `things` is what the error calls them.
    """
    if isinstance(values, np.ndarray) and hasattr(values, "mask"):
        message = f"{where}: {things} are a masked array, whose mask would be ignored"
        advice = f"{things}.filled(value), or only the {things} that are not masked"
        raise DTypeError(hint(message, advice))


def as_indices(labels: object, count: int, where: str) -> np.ndarray:
    """Return `labels` as int64 (n,), whatever integers they came as.

    Raises:
        LabelError: not one integer for each of the `count` images.
        DTypeError: a masked array.
    """
    check_unmasked(labels, where, "labels")
    try:
        y = np.asarray(labels)
    except ValueError as error:  # lists of different lengths
        message = f"{where}: labels are not an array: expected one class index per image"
        raise LabelError(hint(message, "a list of whole numbers")) from error
    if y.ndim == 2 and _are_soft(y):
        each = f"range({y.shape[1]})"
        message = f"{where}: labels are probabilities, expected one class index per image"
        advice = (
            "labels.argmax(axis=1), the likeliest class; or every image once for each class: "
            f"images.repeat({y.shape[1]}, axis=0), numpy.tile({each}, {len(y)}), "
            "sample_weights=labels.ravel()"
        )
        raise LabelError(hint(message, advice))
    if y.ndim != 1:
        one_hot = y.ndim == 2 and y.shape[1] > 1
        fault = "look one-hot" if one_hot else "have the wrong rank"
        advice = "labels.argmax(axis=1)" if one_hot else "labels.reshape(-1)"
        if y.ndim > 2 and y.size != count:
            advice = (
                "one class for each image; where each pixel is 0 or 1, "
                f"labels.reshape({count}, -1) for Model(task='multi-label')"
            )
        raise LabelError(
            hint(
                f"{where}: labels {fault}: expected one class index per image, "
                f"shape ({count},), got shape {y.shape}",
                advice,
            )
        )
    if len(y) != count:
        raise LabelError(
            hint(
                f"{where}: {counted(count, 'image')} but {counted(len(y), 'label')}",
                "give one label for each image, in the same order",
            )
        )
    if y.dtype.kind not in "iu":
        kind, advice = _KINDS.get(
            y.dtype.kind, (f"dtype {y.dtype}", "numpy.asarray(labels, dtype='int64')")
        )
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            kind = f"NaN or infinity, the first: labels[{np.flatnonzero(~np.isfinite(y))[0]}]"
            advice = "leave out the images without a label"
        elif y.dtype.kind == "f" and (y % 1 != 0).any():
            kind = "numbers with fractions"
            advice = "task='regression' of the Model, if they are to be estimated"
        raise LabelError(hint(f"{where}: labels must be integers, got {kind}", advice))
    # a uint64 too large for int64 turns negative here, and `check_range` rejects it
    return np.ascontiguousarray(y, dtype=np.int64)


def _are_soft(y: np.ndarray) -> bool:
    """Whether each row of labels (n, k) has a probability for each of several classes."""
    if y.dtype.kind != "f" or y.shape[1] < 2:
        return False
    sums = np.abs(y.sum(axis=1) - 1.0).max(initial=0.0) < 1e-2
    return bool(sums and (y >= 0.0).all() and ((y > 0.0) & (y < 1.0)).any())


def check_range(y: np.ndarray, classes: int, where: str) -> None:
    """Reject labels outside 0..classes-1, saying how many there are and the first of them."""
    if y.min() >= 0 and y.max() < classes:
        return
    wrong = np.flatnonzero((y < 0) | (y >= classes))
    first = ", ".join(f"labels[{i}] = {y[i]}" for i in wrong[:FIRST])
    if y.min() < 0:
        advice = "number the classes from 0, and leave out images that have none"
    elif y.min() == 1 and y.max() == classes:
        advice = "labels - 1: they seem to be counted from 1"
    else:
        advice = "name every class that occurs, or leave out the images of the others"
    raise LabelError(
        hint(
            f"{where}: {wrong.size} of {y.size} labels lie outside 0..{classes - 1}, "
            f"the first: {first}",
            advice,
        )
    )


def as_names(names: object, where: str) -> tuple[str, ...]:
    """Return the names of classes, or of columns of targets, as a tuple of texts.

    Raises:
        DataError: other things than texts, or one of them twice.
    """
    found = () if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
    if not all(isinstance(name, str) for name in found) or not found:
        message = f"{where}: classes is {shown(names)}, expected a text for each class"
        raise DataError(hint(message, "[str(name) for name in classes]"))
    if len(set(found)) < len(found):
        raise DataError(hint(f"{where}: classes has a name twice", "a name for each label"))
    return tuple(map(str, found))  # of NumPy's texts too


def as_targets(
    targets: object, count: int, names: int | None, task: TaskName, where: str
) -> np.ndarray:
    """Return the targets of `count` images as float64 (n, k), k of one kind: 0 and 1, or numbers.

    Regression also takes (n,) for (n, 1). names: how many labels or numbers have a name; None for
    any number of them.

    Raises:
        LabelError: not one finite row for each image, of that length; or other values than 0 and 1
            for several labels.
        DTypeError: a masked array.
    """
    check_unmasked(targets, where, "targets")
    try:
        y = np.asarray(targets, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{where}: {task} targets must be numbers"
        raise LabelError(hint(message, "numpy.asarray(targets, dtype='float64')")) from error
    if y.ndim == 1 and task == "regression":
        y = y[:, None]
    width = names or "k"
    if y.ndim != 2 or len(y) != count or y.shape[1] == 0 or names not in (None, y.shape[1]):
        message = f"{where}: {task} targets have shape {y.shape}, expected ({count}, {width})"
        raise LabelError(hint(message, "a row for each image, and a column for each name"))
    wrong = ~np.isfinite(y) if task == "regression" else (y != 0) & (y != 1)
    if wrong.any():
        row, column = map(int, np.argwhere(wrong)[0])
        rule = "a finite number" if task == "regression" else "0 or 1"
        message = (
            f"{where}: {int(wrong.sum())} of {y.size} {task} targets are not {rule}, the first: "
            f"targets[{row}, {column}] = {y[row, column]:g}"
        )
        advice = "a number for each, or leave these images out"
        if task == "multi-label":
            advice = "1 where an image has the label, else 0; for numbers the task 'regression'"
        raise LabelError(hint(message, advice))
    return np.ascontiguousarray(y)


def indicators(rows: Sequence[Sequence[int] | np.ndarray], count: int) -> np.ndarray:
    """Return float64 (n, count): 1 at the labels that each row has, by index, and 0 elsewhere."""
    y = np.zeros((len(rows), count))
    for i, row in enumerate(rows):
        y[i, np.asarray(row, np.int64)] = 1.0
    return y


def relabelled(
    y: np.ndarray, names: Sequence[str] | None, classes: Sequence[str] | None, where: str
) -> np.ndarray:
    """Return labels that mean `names` as labels that mean `classes`, int64 (n,).

    None: labels without names, which stay as they are where `classes` has none either, and stand
    for the names "0", "1", ... otherwise.

    Raises:
        LabelError: a class that occurs is none of `classes`.
    """
    if names is None and classes is None:
        return y
    known = [str(k) for k in range(int(y.max()) + 1)] if classes is None else list(classes)
    own = [str(k) for k in range(int(y.max()) + 1)] if names is None else list(names)
    index = {name: i for i, name in enumerate(known)}
    table = np.array([index.get(name, -1) for name in own], np.int64)
    found: np.ndarray = table[y]
    if (found < 0).any():
        name = own[int(y[np.flatnonzero(found < 0)[0]])]
        message = f"{where}: there is no class {name!r} in the training part"
        raise LabelError(hint(message, nearest(name, known)))
    return found
