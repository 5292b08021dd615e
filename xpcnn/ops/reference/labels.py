"""Classes of samples: from scores, as numbers and as probabilities. Not differentiated.

Array API functions only; writes into no array, reads no value.
"""

from typing import Any

from xpcnn.types import Array, device, namespace


def most_probable(scores: Array, *, middle: float | None = None) -> Array:
    """Return the class with the largest score of each sample, the first of equal ones: (n,) int64.

    Args:
        scores: (n, outputs).
        middle: if there is a single output, that of class 1: the score above which class 1 is more
            probable than class 0; None where that output is class 0.

    Kernels: NumPy calls.
    """
    xp = namespace(scores)
    if middle is not None and scores.shape[1] == 1:
        return xp.astype(scores[:, 0] > middle, xp.int64)
    return xp.argmax(scores, axis=1)


def one_hot(labels: Array, *, outputs: int, dtype: Any) -> Array:
    """Return labels as probabilities (n, outputs): 1 for the label's class, otherwise 0.

    Args:
        labels: whole numbers (n,) in [0, outputs), or for one output 0 and 1. The public op checks
            those of NumPy; of other libraries, a label without a class makes a row of zeros.
        outputs: number of classes; 1 for two classes, the output being the probability of class 1.
        dtype: of the result, a dtype of the labels' library.

    Kernels: NumPy calls.
    """
    xp = namespace(labels)
    column = xp.reshape(labels, (-1, 1))
    if outputs == 1:
        return xp.astype(column, dtype)
    column = xp.astype(column, xp.int64)  # uint8 could not count more than 256 classes
    classes = xp.arange(outputs, dtype=xp.int64, device=device(labels))
    return xp.astype(column == classes, dtype)
