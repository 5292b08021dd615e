"""Labels, checked once on the host: one class index per image.

Rejects what would have to be guessed: one-hot rows, names, fractions, indices without a class.
Every error is a LabelError that begins with `where`, the data set or file the labels belong to.
"""

from collections.abc import Sequence

import numpy as np

from xpcnn.errors import LabelError, hint, nearest

FIRST = 5  # offenders named in a message
MOST_CLASSES = 1 << 16
"""Classes at most, where nobody lists their names."""

_NAMES = "names, labels = numpy.unique(labels, return_inverse=True), with classes=tuple(names)"
_KINDS = {  # by numpy's letter for the kind of dtype: what it is called, what to do
    "f": ("floats", "labels.astype('int64'), if they are whole numbers"),
    "b": ("booleans", "labels.astype('int64')"),
    "U": ("strings", _NAMES),
    "S": ("strings", _NAMES),
}


def as_indices(labels: object, count: int, where: str) -> np.ndarray:
    """Return `labels` as int64 (n,), whatever integers they came as.

    Raises:
        LabelError: not one integer for each of the `count` images.
    """
    try:
        y = np.asarray(labels)
    except ValueError as error:  # lists of different lengths
        message = f"{where}: labels are no array: expected one class index per image"
        raise LabelError(hint(message, "a list of whole numbers")) from error
    if y.ndim != 1:
        one_hot = y.ndim == 2 and y.shape[1] > 1
        fault = "look one-hot" if one_hot else "have the wrong rank"
        raise LabelError(
            hint(
                f"{where}: labels {fault}: expected one class index per image, "
                f"shape ({count},), got shape {y.shape}",
                "labels.argmax(axis=1)" if one_hot else "labels.reshape(-1)",
            )
        )
    if len(y) != count:
        raise LabelError(
            hint(
                f"{where}: {count} images but {len(y)} labels",
                "give one label for each image, in the same order",
            )
        )
    if y.dtype.kind not in "iu":
        kind, advice = _KINDS.get(
            y.dtype.kind, (f"dtype {y.dtype}", "numpy.asarray(labels, dtype='int64')")
        )
        raise LabelError(hint(f"{where}: labels must be integers, got {kind}", advice))
    # a uint64 too large for int64 turns negative here, and `check_range` rejects it
    return np.ascontiguousarray(y, dtype=np.int64)


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
