"""The embedded digits: the real ones, divided as the file says."""

import hashlib

import numpy as np

from xpcnn.data import digits, load


def test_counts_shapes_and_values() -> None:
    train, test = load("digits")
    assert (len(train), len(test)) == (1442, 355)
    assert train.shape == test.shape == (1, 8, 8)
    assert train.classes == test.classes == tuple("0123456789")
    assert (int(train.images.min()), int(train.images.max())) == (0, 16)
    assert np.bincount(test.labels).tolist() == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]
    assert (train.mean, train.std) == (test.mean, test.std)
    np.testing.assert_allclose(train.mean, train.images.mean(dtype=np.float64), rtol=1e-13)
    np.testing.assert_allclose(train.std, train.images.std(dtype=np.float64), rtol=1e-13)


def test_the_first_image_is_the_zero_that_opens_the_original() -> None:
    (images, labels), _ = digits.read()
    assert labels[:10].tolist() == list(range(10))
    assert images[0, 0].tolist() == [
        [0, 0, 5, 13, 9, 1, 0, 0],
        [0, 0, 13, 15, 10, 15, 5, 0],
        [0, 3, 15, 2, 0, 11, 8, 0],
        [0, 4, 12, 0, 0, 8, 8, 0],
        [0, 5, 8, 0, 0, 9, 8, 0],
        [0, 4, 11, 0, 1, 12, 7, 0],
        [0, 2, 14, 5, 10, 12, 0, 0],
        [0, 0, 6, 13, 10, 0, 0, 0],
    ]


def test_the_division_never_changes() -> None:
    train, test = load("digits")
    assert train.digest() == "57424373553fada37b099da6f242b0aa"
    assert test.digest() == "4213fe754d2014b14f76580ed3a6e712"
    overlap = {hashlib.sha256(i).digest() for i in train.images}
    assert not overlap & {hashlib.sha256(i).digest() for i in test.images}
