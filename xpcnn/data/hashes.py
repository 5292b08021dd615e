"""Images by what they show: a hash of the pixels, blind to order, labels and file names."""

import hashlib

import numpy as np


def digests(images: np.ndarray, key: bytes = b"") -> list[bytes]:
    """Return the keyed blake2b, 16 bytes, of each image (n, c, h, w) in row-major order."""
    keyed = hashlib.blake2b(key=key, digest_size=16)
    found = []
    for image in np.ascontiguousarray(images, images.dtype.newbyteorder("<")):
        h = keyed.copy()
        h.update(image)
        found.append(h.digest())
    return found


def places(images: np.ndarray, key: bytes) -> np.ndarray:
    """Return each image's place in [0, 1), the first 53 bits of its digest: float64 (n,)."""
    words = np.frombuffer(b"".join(digests(images, key)), "<u8")[::2]  # two words a digest
    return (words >> np.uint64(11)) * 2.0**-53
