"""A list of names in little memory: 8 bytes a name beside its text; a list of str takes 60."""

from array import array
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np


class PackedNames:
    """Names of files in an order, read by index.

    hashes: a hash of each name, uint64 (n,): 8 bytes of its blake2b.
    """

    def __init__(self, names: Iterable[str]) -> None:
        text, digests, ends = bytearray(), bytearray(), array("q", [0])
        for name in names:
            encoded = name.encode("utf-8", "surrogateescape")
            text += encoded
            digests += blake2b(encoded, digest_size=8).digest()
            ends.append(len(text))
        self.hashes = np.frombuffer(digests, "<u8").astype(np.uint64)
        self._text, self._ends = bytes(text), np.asarray(ends)

    def __getitem__(self, row: int) -> str:
        start, end = self._ends[row : row + 2]
        return self._text[start:end].decode("utf-8", "surrogateescape")
