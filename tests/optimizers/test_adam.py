import math

import numpy
import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps
from xpcnn.optimizers import Adam, AdamW
from xpcnn.optimizers.adam import one_minus_power

P, G, ZERO = [1.0, 2.0], [2.0, -4.0], [0.0, 0.0]
SECOND = math.sqrt(7 / 12) / 3
"""m/(3/4) = G/3 and v/(7/16) = (12/7)·G²/4 after β₁ = 1/2, β₂ = 3/4 and gradients G, 0; lr 1/2."""


@pytest.mark.parametrize(
    ("adam", "expected"),
    [
        # the first step is lr·sign(g)
        (
            Adam(0.5, beta1=0.5, beta2=0.75, eps=0.0),
            [[0.5, 2.5], [0.5 - SECOND, 2.5 + SECOND]],
        ),
        # v stays G²/4: (G/3) / √(G²/4 · 16/7) · 1/2 = ±√7/12
        (
            Adam(0.5, beta1=0.5, beta2=0.75, eps=0.0, amsgrad=True),
            [[0.5, 2.5], [0.5 - math.sqrt(7) / 12, 2.5 + math.sqrt(7) / 12]],
        ),
        # without memory: the sign of each gradient, eps outside the root: 2/(2 + 2), -4/(4 + 2)
        (Adam(0.5, beta1=0.0, beta2=0.0, eps=2.0), [[0.75, 2 + 1 / 3]] * 2),
        # decay first: [1, 2]·(1 - 0.5·0.5); again [0.25, 2]·0.75
        (
            AdamW(0.5, beta1=0.5, beta2=0.75, eps=0.0, weight_decay=0.5),
            [[0.25, 2.0], [0.1875 - SECOND, 1.5 + SECOND]],
        ),
    ],
)
def test_two_steps(lib: Lib, dtype: str, adam: Adam, expected: list[list[float]]) -> None:
    assert_steps(lib, dtype, adam, expected, P, G, ZERO)


def test_l2_is_scaled_away_but_for_its_sign(lib: Lib, dtype: str) -> None:
    adam = Adam(0.5, eps=0.0, weight_decay=3.0)  # g = [5, 2]
    assert_steps(lib, dtype, adam, [[0.5, 1.5]], P, G)


def test_adamw_is_adam_with_other_defaults() -> None:
    assert AdamW(0.1).decoupled
    assert AdamW(0.1).weight_decay == 0.01
    assert not Adam(0.1).decoupled


@pytest.mark.parametrize("step", [1, 2, 10, 1000, 100_000])
def test_bias_correction_in_float32(lib: Lib, dtype: str, step: int) -> None:
    correction = one_minus_power(0.999, lib.asarray(step, dtype))
    assert correction.dtype == lib.backend.dtype(dtype)
    exact = -math.expm1(step * math.log(0.999))
    assert float(lib.to_host(correction)) == pytest.approx(exact, rel=2e-7, abs=0.0)


def test_the_plain_form_would_not_pass() -> None:
    plain = numpy.float32(1.0) - numpy.float32(0.999) ** numpy.float32(2.0)
    assert float(plain) != pytest.approx(-math.expm1(2 * math.log(0.999)), rel=1e-6, abs=0.0)
