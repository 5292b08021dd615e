"""The header of an array in NumPy's .npy format, read without evaluating it."""

import re
from io import BufferedIOBase

import numpy as np

from xpcnn.errors import DataError, hint
from xpcnn.types import Shape

_HEADER = 1 << 12  # bytes of the header of an array at most; those of numbers have about 100
_FORM = "numpy.savez(path, images=images, labels=labels)"


def array_header(where: str, source: BufferedIOBase) -> tuple[Shape, bool, np.dtype]:
    """Return shape, order and dtype of an array in NumPy's .npy format, without evaluating them."""
    start = source.read(8)
    width = {b"\x01": 2, b"\x02": 4, b"\x03": 4}.get(start[6:7], 0)  # by version
    if start[:6] != b"\x93NUMPY" or not width:
        raise DataError(hint(f"{where} is not an array in NumPy's format", _FORM))
    length = int.from_bytes(source.read(width), "little")
    text = source.read(length).decode("latin-1") if length <= _HEADER else ""
    kind = re.search(r"'descr': *'([<>|=]?[a-zA-Z][0-9]*)'", text)
    order = re.search(r"'fortran_order': *(True|False)", text)
    sizes = re.search(r"'shape': *\(((?: *[0-9]{1,18},)* *(?:[0-9]{1,18})?)\)", text)
    if kind and kind[1].endswith("O"):
        message = f"{where} holds Python objects, which are pickled, and a pickle can run any code"
        raise DataError(
            hint(message, f"{_FORM} with arrays of numbers, or of text: labels.astype(str)")
        )
    if not kind or kind[1].lstrip("<>|=")[0] not in "biufU" or not order or not sizes:
        raise DataError(hint(f"{where} is not an array of numbers or names", _FORM))
    try:
        dtype = np.dtype(kind[1])
    except (TypeError, ValueError) as error:
        raise DataError(hint(f"{where} has no dtype that NumPy knows", _FORM)) from error
    if dtype.itemsize == 0:
        raise DataError(hint(f"{where} is not an array of numbers or names", _FORM))
    shape = tuple(int(size) for size in sizes[1].split(",") if size.strip())
    return shape, order[1] == "True", dtype
