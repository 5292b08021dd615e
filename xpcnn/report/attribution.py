"""Which pixels the score of a class depends on.

Source: Simonyan, Vedaldi and Zisserman 2014, arXiv:1312.6034 (saliency); Selvaraju et al. 2017,
arXiv:1610.02391 (Grad-CAM).
"""

import numpy

from xpcnn.layers import Conv2D
from xpcnn.report.passages import Passage, Trace


def saliency(trace: Trace) -> numpy.ndarray:
    """Return max_c |d score / d x[c]| for each pixel of the normalised samples: (n, h, w)."""
    return numpy.asarray(numpy.abs(trace.dx).max(axis=1))


def last_convolution(trace: Trace) -> Passage | None:
    """Return what passed through the last convolution; None without one."""
    found = [passage for passage in trace.passages if isinstance(passage.layer, Conv2D)]
    return found[-1] if found else None


def grad_cam(convolution: Passage) -> numpy.ndarray:
    """Return the class activation maps of a convolution's output A, (n, h, w):

    L = max(0, sum_k alpha_k A_k),  alpha_k = mean over pixels of d score / d A_k
    """
    assert convolution.dy is not None
    alpha = convolution.dy.mean(axis=(2, 3), keepdims=True)
    return numpy.asarray(numpy.maximum((alpha * convolution.y).sum(axis=1), 0.0))


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
