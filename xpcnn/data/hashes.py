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


def lowest(places: np.ndarray, labels: np.ndarray, fraction: float, key: bytes) -> np.ndarray:
    """Return which images have the lowest places of their class, a mask (n,).

    Of a class of n images, floor(fraction * n + u) are chosen, u in [0, 1) by a hash of the label:
    within one image of its share, and the share on average over classes. Images of equal places
    stay together, whatever their labels: they count for the smallest of these.

    places: float64 (n,); labels: int64 (n,); key: for the hash, at most 64 bytes.
    """
    _, same = np.unique(places, return_inverse=True)
    smallest = np.full(len(places), np.iinfo(np.int64).max)
    np.minimum.at(smallest, same, labels)
    order = np.lexsort((places, smallest[same]))  # by class, and by place in it
    x, y = places[order], smallest[same][order]
    classes, first, counts = np.unique(y, return_index=True, return_counts=True)
    uniform = [_uniform(int(label), key) for label in classes]
    share = np.floor(np.round(fraction * counts + uniform, 9))
    starts = np.flatnonzero(np.r_[True, (x[1:] != x[:-1]) | (y[1:] != y[:-1])])
    sizes = np.diff(np.r_[starts, len(x)])  # of groups of equal images
    column = np.searchsorted(classes, y[starts])
    chosen = starts - first[column] + sizes / 2 < share[column]  # the nearer end of a group
    mask = np.empty(len(x), bool)
    mask[order] = np.repeat(chosen, sizes)
    return mask


def _uniform(label: int, key: bytes) -> float:
    """Return a number in [0, 1) that depends on the label and the key."""
    digest = hashlib.blake2b(label.to_bytes(8, "little"), key=key, digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) * 2.0**-53
