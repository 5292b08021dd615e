"""Transposed convolution in C: what a convolution computes backward, and the other way round."""

from typing import Any

from ...geometry import pair, sides
from ...types import Wants
from ..layout import Array, batch_last, logical
from ..patches import Patches
from .conv import convolved, filter_gradients, image_gradient
from .pointwise import NO_RELU
from .shared_library import serves, vector


def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Spread every pixel over a window of a larger image."""
    if not serves(x):
        return NotImplemented
    patches = windows_over_output(x, w, stride, padding, output_padding, dilation)
    if patches.out != x.shape[2:]:  # output padding made place for one more window
        return NotImplemented
    image = batch_last(x)
    y = image_gradient(image, w, patches, groups, vector(b))

    def pullback(dy: Array, wants: Wants = None) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        dy = batch_last(dy)
        dx = logical(convolved(dy, w, None, patches, NO_RELU)) if want_dx else None
        dw = filter_gradients(dy, w, image, patches, want_db=False)[0] if want_dw else None
        db = dy.sum(axis=(1, 2, 3)) if want_db and b is not None else None
        return dx, dw, db

    return logical(y), pullback


def windows_over_output(
    x: Array, w: Array, stride: Any, padding: Any, output_padding: Any, dilation: Any
) -> Patches:
    """Return the windows over the output, one for each pixel of x."""
    size, stride, dilation = (w.shape[2], w.shape[3]), pair(stride), pair(dilation)
    more, image = pair(output_padding), (x.shape[2], x.shape[3])
    large = (image[0] * stride[0], image[1] * stride[1])
    around = sides(padding, large, size, stride, dilation)
    if padding != "same":
        axes = zip(image, size, stride, dilation, around, more, strict=True)
        large = tuple(s * (k - 1) + d * (t - 1) + 1 - sum(cut) + e for k, t, s, d, cut, e in axes)
    return Patches((large[0], large[1]), size, stride, dilation, around)
