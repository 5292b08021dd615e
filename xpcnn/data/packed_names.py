"""Many names in little memory: 8 bytes a name beside its text, where a list of texts takes 60."""

import hashlib
from collections.abc import Iterable

import numpy as np


class PackedNames:
    """Names of files in an order, read by index.

    words: a hash of each name, uint64 (n,): 8 bytes of its blake2b.
    """

    def __init__(self, names: Iterable[str]) -> None:
        encoded = [name.encode("utf-8", "surrogateescape") for name in names]
        blake = hashlib.blake2b
        digests = b"".join([blake(name, digest_size=8).digest() for name in encoded])
        self.words = np.frombuffer(digests, "<u8").astype(np.uint64)
        self._text = b"".join(encoded)
        self._ends = np.cumsum([0, *map(len, encoded)])

    def __getitem__(self, row: int) -> str:
        start, end = self._ends[row : row + 2]
        return self._text[start:end].decode("utf-8", "surrogateescape")
