import math
from functools import partial

import numpy
import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps, steps
from xpcnn.optimizers import RMSprop

P, G, ZERO = [1.0, 2.0], [2.0, -4.0], [0.0, 0.0]


@pytest.mark.parametrize(
    ("rmsprop", "expected"),
    [
        # s = G²/4 = [1, 4], u = [2, -2]
        (RMSprop(0.5, alpha=0.75, eps=0.0), [[0.0, 3.0], [0.0, 3.0]]),
        # the velocity halves: [2, -2], [1, -1]
        (RMSprop(0.5, alpha=0.75, eps=0.0, momentum=0.5), [[0.0, 3.0], [-0.5, 3.5]]),
        # eps stands outside the root: 2 / (1 + 1), -4 / (2 + 1)
        (RMSprop(0.5, alpha=0.75, eps=1.0), [[0.5, 2 + 2 / 3], [0.5, 2 + 2 / 3]]),
        # a = G/4, s - a² = [3/4, 3], u = ±4/√3
        (
            RMSprop(0.5, alpha=0.75, eps=0.0, centered=True),
            [[1 - 2 / math.sqrt(3), 2 + 2 / math.sqrt(3)]] * 2,
        ),
    ],
)
def test_two_steps(lib: Lib, dtype: str, rmsprop: RMSprop, expected: list[list[float]]) -> None:
    assert_steps(lib, dtype, rmsprop, expected, P, G, ZERO)


def test_l2_enters_the_mean_square(lib: Lib, dtype: str) -> None:
    rmsprop = RMSprop(0.5, alpha=0.75, eps=0.0, weight_decay=1.0)
    # g = G + p = [3, -2], s = g²/4, u = ±2
    assert_steps(lib, dtype, rmsprop, [[0.0, 3.0]], P, G)


def test_centered_survives_a_constant_gradient(lib: Lib, dtype: str) -> None:
    """s - a² of a constant gradient rounds to less than 0 in time; its root would be NaN."""
    rmsprop = RMSprop(0.01, alpha=0.5, centered=True)
    array = partial(lib.asarray, dtype=dtype)
    values = steps(array, rmsprop, [1.0, 1.0], *[[0.1, 0.7]] * 60)
    assert all(numpy.isfinite(lib.to_host(x)).all() for x in values)
