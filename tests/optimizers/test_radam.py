from fractions import Fraction

import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps
from xpcnn.optimizers import RAdam

P, G, ZERO = [1.0, 2.0], [2.0, -4.0], [0.0, 0.0]


@pytest.mark.parametrize(
    ("radam", "expected"),
    [
        # the mean of the gradients: G, then G/4 / (3/4); nothing divides it
        (RAdam(0.5, beta1=0.5), [[0.0, 4.0], [-1 / 3, 4 + 2 / 3]]),
        # g = G + p = [3, -2], then p = [-0.5, 3]
        (RAdam(0.5, beta1=0.0, weight_decay=1.0), [[-0.5, 3.0], [-0.25, 1.5]]),
        # [1, 2]·3/4 - G/2, then 3/4 of it
        (
            RAdam(0.5, beta1=0.0, weight_decay=0.5, decoupled=True),
            [[-0.25, 3.5], [-0.1875, 2.625]],
        ),
    ],
)
def test_two_steps(lib: Lib, dtype: str, radam: RAdam, expected: list[list[float]]) -> None:
    assert_steps(lib, dtype, radam, expected, P, G, ZERO)


def test_the_sixth_step_divides(lib: Lib) -> None:
    """With β₂ = 0.999, ρ₅ = 4.996 and ρ₆ = 5.994: G is divided by |G|, times r.

    ρ in fractions: float64 loses three digits of it, float32 as many as the bound says.
    """
    beta, t, rho = Fraction(999, 1000), 6, 1999
    length = rho - 2 * t * beta**t / (1 - beta**t)
    r = ((length - 4) * (length - 2) * rho / (1995 * 1997 * length)) ** 0.5
    assert round(r, 4) == 0.0258
    steps = [[1 - 2 * t, 2 + 4 * t] for t in range(1, 6)]
    radam = RAdam(1.0, beta1=0.0, eps=0.0)
    assert_steps(lib, "float32", radam, [*steps, [-9 - r, 22 + r]], P, *[G] * 6)


def test_an_average_that_is_always_too_short(lib: Lib, dtype: str) -> None:
    """β₂ = 2/3 has ρ = 5."""
    expected = [[1 - 2 * t, 2 + 4 * t] for t in range(1, 9)]
    for beta2 in (0.0, 0.5, 2 / 3):
        assert_steps(lib, dtype, RAdam(1.0, beta1=0.0, beta2=beta2), expected, P, *[G] * 8)
