"""Layer and group normalisation in C against references in float64, to what float32 can tell."""

from typing import Any

import numpy
import pytest

from tests.compare import assert_within
from tests.compiled.support import BATCHES, compiled, cut, guarded, require_compiler, whole
from tests.lib import Host
from tests.rounding import chains_of, exact
from xpcnn import ops

CHAIN = 8 * 64 + 7 + 64
"""At most so many additions in float32 one after another: 64 rows of 4 vectors, the lanes of a
vector, and the sums of so many rows and columns; see sample_norm.c."""


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_two_groups_by_hand() -> None:
    """Channels 1, 3 and 2, 2: of the first group, xhat is -1 and 1; of the second, 0."""
    x = numpy.asarray([1, 3, 2, 2], "float32").reshape(1, 4, 1, 1)
    gamma, beta = (numpy.asarray(a, "float32") for a in ([1, 2, 3, 4], [5, 6, 7, 8]))
    y, pullback = compiled.KERNELS["group_norm"](x, gamma, beta, groups=2, eps=1e-12)
    assert y.ravel().tolist() == [4, 8, 7, 8]
    dx, dgamma, dbeta = pullback(numpy.asarray([1, 5, 0, 0], "float32").reshape(x.shape))
    # dxhat = 1, 10, of mean 5.5 and mean with xhat 4.5: nothing is left
    assert dx.ravel().tolist() == [0, 0, 0, 0]
    assert (dgamma.tolist(), dbeta.tolist()) == ([-1, 5, 0, 0], [1, 5, 0, 0])


def check(op: str, x: Host, gamma: Host | None, beta: Host | None, **options: Any) -> None:
    dy = numpy.random.default_rng(1).standard_normal(x.shape, "float32")
    with guarded():
        y, pullback = compiled.KERNELS[op](x, gamma, beta, **options)
        got = (y, *pullback(dy))
    with chains_of(CHAIN):
        expected, back = getattr(ops, op)(
            *(None if a is None else exact(a) for a in (x, gamma, beta)), **options
        )
        wanted = (expected, *back(exact(dy)))
    for name, mine, want in zip(("y", "dx", "dgamma", "dbeta"), got, wanted, strict=True):
        assert (mine is None) == (want is None), name
        if mine is not None:
            assert (mine.dtype, mine.shape) == (numpy.float32, want.shape), name
            assert_within(mine, want, name)


@pytest.mark.parametrize("n", [*BATCHES, 33, 128])
def test_images(n: int) -> None:
    rng = numpy.random.default_rng(n)
    x = rng.standard_normal((n, 6, 9, 8), "float32")
    with cut(1 + n % 3, 2):
        for groups in (1, 3, 6):
            check("group_norm", x, whole(rng, 6), whole(rng, 6), groups=groups)
        check("group_norm", x, None, None, groups=2, eps=0.1)
        for axes in ((1, 2, 3), (1,), (2, 3)):
            lengths = [x.shape[axis] for axis in axes]
            check("layer_norm", x, whole(rng, *lengths), whole(rng, *lengths), axes=axes)
        check("layer_norm", x.transpose(0, 1, 3, 2), None, whole(rng, 6), axes=(1,))


def test_threads_that_share_the_rows_of_few_columns_change_no_bit() -> None:
    x = numpy.random.default_rng(0).standard_normal((64, 8, 9, 8), "float32")
    found = []
    for pieces in (1, 5):
        with cut(pieces, 2):
            y, pullback = compiled.KERNELS["layer_norm"](x, None, None, axes=(1, 2, 3))
            found.append((y.tobytes(), pullback(x)[0].tobytes()))
    assert found[0] == found[1]


def test_a_mean_a_thousand_times_the_deviation() -> None:
    """A number near 1000 has an error of 3e-5, so has the mean; the variance must not lose more."""
    x = (1000 + numpy.random.default_rng(0).standard_normal((5, 3, 20, 20))).astype("float32")
    wide = x.astype("float64")
    mean, var = (f(wide, axis=(1, 2, 3), keepdims=True) for f in (numpy.mean, numpy.var))
    y, _ = compiled.KERNELS["layer_norm"](x, None, None, axes=(1, 2, 3))
    assert abs(y - (wide - mean) / numpy.sqrt(var + 1e-5)).max() < 6e-5


def test_equal_numbers_of_any_size_become_zeros() -> None:
    """Their mean in float32 would differ from them by rounding."""
    for number in (1.1e10, 3.3e6, 0.1, -7.7e15):
        x = numpy.full((16, 16, 16, 64), number, "float32").transpose(3, 0, 1, 2)
        y, _ = compiled.KERNELS["group_norm"](x, None, None, groups=4)
        assert not y.any()


def test_other_axes_rows_and_float64_are_left_to_others() -> None:
    x = numpy.ones((2, 3, 2, 2), "float32")
    layer_norm, group_norm = (compiled.KERNELS[op] for op in ("layer_norm", "group_norm"))
    assert layer_norm(x, None, None, axes=(1, 2)) is NotImplemented
    for other in (x[:, :, 0, 0], x.astype("float64")):
        assert layer_norm(other, None, None, axes=(1,)) is NotImplemented
        assert group_norm(other, None, None, groups=1) is NotImplemented
