"""The embedded data set: 1,797 real handwritten digits, 8x8 pixels of 0 to 16 (see NOTICE)."""

from importlib import resources

import numpy as np

from xpcnn.data.images import Part

CLASSES = tuple("0123456789")


def read() -> tuple[Part, Part]:
    """Return (images, labels) of the 1,442 training and the 355 test images.

    images: uint8 (n, 1, 8, 8); labels: int64 (n,). The file keeps the division: every fifth image
    of each class is a test image.
    """
    with (
        resources.files("xpcnn.data").joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        images, labels, test = arrays["images"], arrays["labels"].astype(np.int64), arrays["test"]
    return (images[~test], labels[~test]), (images[test], labels[test])
