"""Upsampling and adaptive means in C; transposed convolution by the kernels of convolution."""

from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.compiled.support import BATCHES, PACKAGE, agree, compiled, cut, require_compiler, whole

resize: Any = import_module(f"{PACKAGE}.resize")


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_straight_lines_by_hand() -> None:
    x = numpy.asarray([[[[0, 4]]]], "float32")
    y, pullback = compiled.KERNELS["upsample2d"](x, size=(1, 4), mode="bilinear")
    assert y.tolist() == [[[[0, 1, 3, 4]]]]
    assert pullback(numpy.asarray([[[[4, 4, 4, 8]]]], "float32"))[0].tolist() == [[[[8, 12]]]]


@pytest.mark.parametrize("n", [*BATCHES, 130])
def test_the_bits_of_the_references(n: int) -> None:
    """Weights are multiples of 1/8, and windows have powers of 2 of pixels: sums are exact."""
    rng = numpy.random.default_rng(n)
    x = whole(rng, n, 2, 4, 8)
    with cut(3, 2):
        for size in ((8, 16), (1, 3), (5, 8), (4, 20)):
            agree("upsample2d", [x], size=size)
        for size in ((8, 16), (16, 4), (2, 8)):
            agree("upsample2d", [x.transpose(0, 1, 3, 2)], size=size[::-1], mode="bilinear")
        for size in ((1, 1), (2, 4), (3, 8), (8, 16)):
            agree("adaptive_avg_pool2d", [x], size=size)


def test_every_other_pixel() -> None:
    x = numpy.arange(1, 11, dtype="float32").reshape(1, 2, 5, 1)
    assert resize.every(x, (2, 2)).ravel().tolist() == [1, 3, 5]
    assert resize.spread(x[:, :1, :3], (2, 2), (2, 5)).ravel().tolist() == [1, 0, 2, 0, 3, *[0] * 5]


def test_sums_of_many_terms() -> None:
    x = whole(numpy.random.default_rng(0), 17, 2, 16, 32)
    agree("adaptive_avg_pool2d", [x], size=1)
    agree("upsample2d", [x[:, :, :1, :1]], size=(16, 32))


@pytest.mark.parametrize(
    "options",
    [
        *({}, {"padding": 1}, {"stride": 2, "padding": 1, "output_padding": 1}),
        *({"padding": "same", "stride": (2, 1)}, {"dilation": 2, "stride": (1, 2)}),
        *({"groups": 2, "stride": 3}, {"dilation": 2, "output_padding": 1}),
    ],
)
def test_transposed_convolution(options: dict[str, Any]) -> None:
    rng = numpy.random.default_rng(0)
    f = 6 // options.get("groups", 1)
    for n in (1, 9, 16):
        x, w = whole(rng, n, 4, 5, 4), whole(rng, 4, f, 3, 2)
        with cut(3, 2):
            if options.get("output_padding") == 1 and "stride" not in options:  # one more window
                kernel = compiled.KERNELS["conv_transpose2d"]
                assert kernel(x, w, None, **options) is NotImplemented
                continue
            agree("conv_transpose2d", [x, w, whole(rng, 6)], **options)
            agree("conv_transpose2d", [x, w, None], **options)


def test_transposed_convolution_of_single_pixels() -> None:
    rng = numpy.random.default_rng(0)
    agree("conv_transpose2d", [whole(rng, 9, 3, 4, 4), whole(rng, 3, 5, 1, 1), whole(rng, 5)])
