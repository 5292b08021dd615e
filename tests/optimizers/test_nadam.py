import math

import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps
from xpcnn.optimizers import NAdam

P, G, ZERO = [1.0, 2.0], [2.0, -4.0], [0.0, 0.0]
FIRST = 0.5 * 17 / 15
"""μ = 1/4 in all steps; m = G/2: (μ/2 / (1 - μ²) + 1) sign(G), at the rate 1/2."""
SECOND = 0.5 * (4 / 63) / math.sqrt(3 / 7)
"""m = G/4, v = 3/16 G², divided by 7/16: (μ/4 / (1 - μ³)) / √(3/7) sign(G)."""


@pytest.mark.parametrize(
    ("nadam", "expected"),
    [
        (
            NAdam(0.5, beta1=0.5, beta2=0.75, eps=0.0, momentum_decay=0.0),
            [[1 - FIRST, 2 + FIRST], [1 - FIRST - SECOND, 2 + FIRST + SECOND]],
        ),
        # without memory the sign of the gradient, which is λ p in the second step
        (
            NAdam(0.5, beta1=0.0, beta2=0.0, eps=0.0, weight_decay=1.0),
            [[0.5, 2.5], [0.0, 2.0]],
        ),
        # the decay comes first: [1, 2]·3/4; the gradient 0 divided by ε
        (
            NAdam(0.5, beta1=0.0, beta2=0.0, eps=1.0, weight_decay=0.5, decoupled=True),
            [[0.75 - 1 / 3, 1.5 + 0.4], [0.75 * (0.75 - 1 / 3), 0.75 * 1.9]],
        ),
    ],
)
def test_two_steps(lib: Lib, dtype: str, nadam: NAdam, expected: list[list[float]]) -> None:
    assert_steps(lib, dtype, nadam, expected, P, G, ZERO)
