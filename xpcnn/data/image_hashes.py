"""Images by what they show: a hash of the pixels, blind to order, labels and file names."""

import hashlib

import numpy as np

from xpcnn.data.stored import Images, goes_by_names


def digests(
    images: Images, key: bytes = b"", labels: np.ndarray | None = None, size: int = 16
) -> list[bytes]:
    """Return the keyed blake2b of each image (n, c, h, w) in row-major order, behind its label.

    labels: int64 (n,); None for the images alone. size: bytes of a digest.
    """
    keyed = hashlib.blake2b(key=key, digest_size=size)
    starts = [b""] * len(images) if labels is None else labels.astype("<i8")[:, None]
    found = []
    for image, start in zip(images, starts, strict=True):
        h = keyed.copy()
        h.update(start)
        h.update(np.ascontiguousarray(image, images.dtype.newbyteorder("<")).data)
        found.append(h.digest())
    return found


def unit_hashes(
    images: Images, key: bytes, labels: np.ndarray | None = None, size: int = 16
) -> np.ndarray:
    """Return a number in [0, 1) for each image, the first 53 bits of its digest: float64 (n,).

    Of images that go by their names, the digest is a mix of `Stored.name_hashes`, key and label.
    """
    if goes_by_names(images):
        return _in_unit_interval(_mixed(images.name_hashes, key, labels))
    words = np.frombuffer(b"".join(digests(images, key, labels, size)), "<u8")
    return _in_unit_interval(words[:: size // 8])


def _mixed(words: np.ndarray, key: bytes, labels: np.ndarray | None) -> np.ndarray:
    """Return uint64 (n,): words, key and labels, mixed by the last step of SplitMix64.

    Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    salt = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")
    x = words ^ np.uint64(salt)
    if labels is not None:
        x = x + (labels.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def _in_unit_interval(words: np.ndarray) -> np.ndarray:
    """Return 64-bit words as numbers in [0, 1), of their first 53 bits: float64."""
    return (words >> np.uint64(11)) * 2.0**-53


def lowest(hashes: np.ndarray, labels: np.ndarray, fraction: float, key: bytes) -> np.ndarray:
    """Return which images have the lowest hashes of their class, a mask (n,).

    Of a class of n images, floor(fraction * n + u) are chosen, u in [0, 1) by a hash of the label:
    within one image of its share, and the share on average over classes. Images with equal
    hashes go to the same part, and count for the smallest of their labels.

    hashes: float64 (n,) in [0, 1); labels: int64 (n,); key: for the hash, at most 64 bytes.
    """
    _, same = np.unique(hashes, return_inverse=True)
    smallest = np.full(len(hashes), np.iinfo(np.int64).max)
    np.minimum.at(smallest, same, labels)
    order = np.lexsort((hashes, smallest[same]))  # by class, and by hash in it
    x, y = hashes[order], smallest[same][order]
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
    return float(_in_unit_interval(np.frombuffer(digest, "<u8"))[0])
