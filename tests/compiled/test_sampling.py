"""Images of a batch in C: normalised, and read at other places."""

import numpy
import pytest

from tests.compiled.support import BATCHES, compiled, cut, guarded, require_compiler, whole
from xpcnn.ops.reference.elementwise import normalise
from xpcnn.ops.reference.sampling import affine, mirrored, shifted
from xpcnn.ops.reference.sampling import bilinear as reference


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_places_by_hand() -> None:
    x = numpy.asarray([[[[0, 4], [8, 16]]]], "float32")
    rows = numpy.asarray([0, 0, 0.5, 1, 1.5, -0.25, 9, -1], "float32").reshape(1, 8, 1)
    columns = numpy.asarray([0, 0.5, 0.5, 1, 1, 1, 0, 1], "float32").reshape(1, 8, 1)
    y = compiled.KERNELS["bilinear"](x, rows, columns)
    assert y.tolist() == [[[[0, 2, 7, 16, 8, 3, 0, 0]]]]


@pytest.mark.parametrize("n", [*BATCHES, 130])
def test_the_bits_of_the_reference(n: int) -> None:
    rng = numpy.random.default_rng(n)
    x = whole(rng, n, 3, 6, 5)
    rows, columns = rng.uniform(-3, 8, (2, 4, 7, n)).astype("float32")
    expected = reference(x, rows, columns)
    for given in (x, x.transpose(0, 1, 3, 2).copy().transpose(0, 1, 3, 2)):
        with cut(3, 2), guarded():
            y = compiled.KERNELS["bilinear"](given, rows, columns)
        assert y.tobytes() == expected.tobytes()


@pytest.mark.parametrize("n", [*BATCHES, 130])
def test_maps_to_the_bits_of_the_reference(n: int) -> None:
    rng = numpy.random.default_rng(n)
    x, moved = whole(rng, n, 3, 6, 5), whole(rng, n, 6)
    for maps in (rng.normal(0, 1, (n, 6)).astype("float32"), moved):
        with cut(3, 2), guarded():
            y = compiled.KERNELS["affine"](x, maps)
        assert y.tobytes() == affine(x, maps).tobytes()


@pytest.mark.parametrize("n", [*BATCHES, 130])
def test_mirror_images_and_shifts_to_the_bits_of_the_reference(n: int) -> None:
    rng = numpy.random.default_rng(n)
    x, shifts = whole(rng, n, 3, 6, 5), whole(rng, n, 2)
    chosen = rng.integers(0, 2, n).astype("float32")
    with cut(3, 2), guarded():
        assert compiled.KERNELS["shifted"](x, shifts).tobytes() == shifted(x, shifts).tobytes()
        for axis in (2, 3):
            y = compiled.KERNELS["mirrored"](x, chosen, axis=axis)
            assert y.tobytes() == mirrored(x, chosen, axis=axis).tobytes()


@pytest.mark.parametrize("n", [*BATCHES, 130])
def test_bytes_are_normalised_to_the_bits_of_the_reference(n: int) -> None:
    rng = numpy.random.default_rng(n)
    x = rng.integers(0, 256, (n, 3, 6, 5), "uint8")
    mean, std = rng.uniform(1, 99, (2, 3)).astype("float32")
    shifted_by_a_byte = numpy.empty(x.size + 1, "uint8")[1:].reshape(x.shape)
    shifted_by_a_byte[:] = x
    for given in (x, x.transpose(1, 0, 3, 2).copy().transpose(1, 0, 3, 2), shifted_by_a_byte):
        with cut(4, 2), guarded():
            y = compiled.KERNELS["normalise"](given, mean, std)
        assert y.tobytes() == normalise(x, mean, std).tobytes()
        assert y.transpose(1, 2, 3, 0).flags.c_contiguous


def test_places_that_are_not_finite_or_far_away_are_outside() -> None:
    x = numpy.ones((1, 1, 3, 3), "float32")
    far = numpy.asarray([numpy.inf, -numpy.inf, numpy.nan, 3e38, -3e38, 2.0**31], "float32")
    rows = far.reshape(1, 6, 1)
    y = compiled.KERNELS["bilinear"](x, rows, numpy.ones_like(rows))
    assert y.ravel()[3:].tolist() == [0, 0, 0]
