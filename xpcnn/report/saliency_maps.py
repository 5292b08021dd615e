"""Saliency and Grad-CAM: which pixels the score of a class depends on.

`layer_passes.trace` runs the network forward, in inference, and the gradient of one score of each
sample back to the input, dx: its largest absolute value over the channels is the saliency.
`feature_maps` and `explain` show it over the picture.

Source: Simonyan, Vedaldi and Zisserman 2014, arXiv:1312.6034 (saliency); Selvaraju et al. 2017,
arXiv:1610.02391 (Grad-CAM).
"""

import numpy

from xpcnn.layers import Conv2D
from xpcnn.report.layer_passes import LayerPass, Trace


def saliency(trace: Trace) -> numpy.ndarray:
    """Return max_c |d score / d x[c]| for each pixel of the normalised samples: (n, h, w)."""
    return numpy.asarray(numpy.abs(trace.dx).max(axis=1))


def last_maps(trace: Trace) -> LayerPass | None:
    """Return the layer whose output is that of the last convolution; None without a convolution.

    If a normalisation and an activation follow it, their output is taken: before them, most of the
    maps may be negative, and Grad-CAM shows only positive ones.
    """
    places = [i for i, p in enumerate(trace.passes) if isinstance(p.layer, Conv2D)]
    if not places:
        return None
    found = trace.passes[places[-1]]
    for following in trace.passes[places[-1] + 1 :]:
        if following.y.shape != found.y.shape or not numpy.array_equal(following.x, found.y):
            break
        found = following
    return found


def grad_cam(layer_pass: LayerPass) -> numpy.ndarray:
    """Return the class activation maps of a layer's output A (n, k, h, w), (n, h, w):

    L = max(0, sum_k alpha_k A_k),  alpha_k = mean over pixels of d score / d A_k
    """
    assert layer_pass.dy is not None
    alpha = layer_pass.dy.mean(axis=(2, 3), keepdims=True)
    return numpy.asarray(numpy.maximum((alpha * layer_pass.y).sum(axis=1), 0.0))


def enlarged(maps: numpy.ndarray, size: tuple[int, int]) -> numpy.ndarray:
    """Return maps (n, h, w) at another size (h, w), bilinear, with aligned pixel centres."""
    for axis, length in ((1, size[0]), (2, size[1])):
        have = maps.shape[axis]
        at = numpy.clip((numpy.arange(length) + 0.5) * have / length - 0.5, 0.0, have - 1.0)
        low = numpy.floor(at).astype(int)
        part = (at - low).reshape([-1 if i == axis else 1 for i in range(3)])
        high = numpy.minimum(low + 1, have - 1)
        maps = maps.take(low, axis) * (1.0 - part) + maps.take(high, axis) * part
    return maps
