"""Convolution of a few images, im2col and one product of matrices in C (dense.c): float32.

y (f, pixels) = w (f, c kh kw) @ columns (c kh kw, pixels), in which each column is a window. The
windows of a batch fit into no cache, but those of a few images do. The product then has long rows
where conv.c with a stride, and Winograd's algorithm with a few tiles, have short ones. NumPy lays
out the columns, so that no plan can record it (plan.py): it is for convolutions beside which Python
takes little time.

Time of the other kernels over that of these, two cores with AVX-512 (Zen 4), images of 1, 4, 8:
64 channels of 56 x 56 to 128 with 3 x 3 filters and stride 2, 3.0, 1.8, 2.2; 256 of 14 x 14 to 512,
2.7, 3.1, 3.6; 3 of 224 x 224 to 64 with 7 x 7 filters and stride 2, 2.4 for one image. In place of
Winograd's algorithm, 3 x 3 filters over 7 x 7 pixels and 512 channels, 3.8 for one image, 1.3 for
four.
"""

from ..layout import Array
from ..patches import Patches
from ..recording import contiguous
from ..threads import sharing
from .few_images import FEW
from .linear import BY_ROW, MATRIX_PRODUCT
from .shared_library import Call

PRODUCT = Call(MATRIX_PRODUCT.name, MATRIX_PRODUCT.kinds, "conv2d")
MOST = 1 << 22  # numbers of columns, above which they leave the caches
LEAST = 1 << 24  # multiplications
SHORT = 100  # pixels of y, below which Winograd's transforms of the filters take longest


def serves(image: Array, w: Array, patches: Patches) -> bool:
    """Whether to convolve images (c, h, w, n), without groups, in this way."""
    n, (ho, wo) = image.shape[3], patches.out
    pixels = ho * wo * n
    if n > FEW or w.size * pixels < LEAST or w[0].size * pixels > MOST:
        return False
    return patches.stride != (1, 1) or pixels < SHORT


def convolved(
    image: Array, w: Array, b: Array | None, patches: Patches, y: Array, *, relu: bool
) -> None:
    """Write the convolution of images (c, h, w, n) with w (f, c, kh, kw) into y."""
    f, k, pixels = len(w), w[0].size, y[0].size
    columns = patches.columns(image, (0, patches.out[0], 0, patches.out[1]))
    work = sharing(f, w.size * pixels, each=1)
    PRODUCT(contiguous(w), columns, b, y, k, 1, f, k, pixels, BY_ROW, relu, *work)
