"""A choice among labelled images: some classes, and the first images of each."""

from collections.abc import Iterable, Sequence

import numpy as np

from xpcnn.errors import ConfigError, hint, nearest
from xpcnn.options import is_whole


def check_limits(**limits: int | None) -> None:
    """Require whole numbers of at least 1, or None.

    Raises:
        ConfigError: one is anything else; names it.
    """
    for name, value in limits.items():
        if value is not None and not (is_whole(value) and value >= 1):
            message = f"{name} must be a whole number of at least 1, got {value!r}"
            raise ConfigError(hint(message, "leave it out for all images"))


def class_indices(wanted: Iterable[str | int], names: Sequence[str], where: str) -> list[int]:
    """Return the indices of classes, given by their names, whatever the case, or their indices.

    Raises:
        ConfigError: one is unknown, or given twice, or there are none; begins with `where`.
    """
    indices: list[int] = []
    for one in wanted:
        name = str(one)
        alike = [i for i, own in enumerate(names) if own.casefold() == name.casefold()]
        if isinstance(one, str) and name in names:
            index = names.index(name)
        elif isinstance(one, str) and len(alike) == 1:
            index = alike[0]
        elif name.isdecimal() and int(name) < len(names):
            index = int(name)
        else:
            message = f"{where} has no class {one!r}"
            raise ConfigError(hint(message, nearest(name, names)))
        if index in indices:
            message = f"class {names[index]!r} is given twice"
            raise ConfigError(hint(message, "each class once, by its name or its index"))
        indices.append(index)
    if not indices:
        raise ConfigError(hint("classes is empty", "leave it out for all classes"))
    return indices


def selected(
    labels: np.ndarray, classes: Sequence[int] | None, limit_per_class: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the images of some classes, in order, and new labels, both int64.

    labels: (n,); the new ones are (n,) too, -1 for images of other classes.
    classes: which become 0, 1, ... in this order; None for all, as they are.
    limit_per_class: the most images of each, of which the first are taken.
    """
    if classes is not None:
        table = np.full(max(labels.max(), *classes) + 1, -1, np.int64)  # old label -> new
        table[list(classes)] = np.arange(len(classes))
        labels = table[labels]
    keep = np.flatnonzero(labels >= 0)
    if limit_per_class is not None:
        firsts = [keep[labels[keep] == k][:limit_per_class] for k in np.unique(labels[keep])]
        keep = np.sort(np.concatenate(firsts)) if firsts else keep
    return keep, labels
