import math
from typing import Any

import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps
from xpcnn.optimizers import LAMB, Adam

P, G, ZERO = [[3.0, 4.0, 0.0, 0.0]], [[2.0, -4.0, 1.0, 1.0]], [[0.0] * 4]
ONE: dict[str, Any] = {"beta1": 0.0, "beta2": 0.0, "eps": 0.0}
"""No memory: the signs of the gradient."""


@pytest.mark.parametrize(
    ("lamb", "expected"),
    [
        # u = [1, -1, 1, 1] has the norm 2, p that of 5
        (LAMB(0.5, weight_decay=0.0, **ONE), [[1.75, 5.25, -1.25, -1.25]]),
        # u = [4, 3, 1, 1]
        (
            LAMB(0.5, weight_decay=1.0, **ONE),
            [[x - 2.5 / math.sqrt(27) * u for x, u in zip(P[0], [4, 3, 1, 1], strict=True)]],
        ),
    ],
)
def test_a_step(lib: Lib, dtype: str, lamb: LAMB, expected: list[list[float]]) -> None:
    assert_steps(lib, dtype, lamb, [expected], P, G)


def test_where_there_is_no_length_the_step_is_adams(lib: Lib, dtype: str) -> None:
    lamb = LAMB(0.5, weight_decay=0.0, **ONE)
    step = [[-0.5, 0.5, -0.5, -0.5]]
    assert_steps(lib, dtype, lamb, [step], ZERO, G)
    assert_steps(lib, dtype, LAMB(0.5, weight_decay=0.0), [P], P, ZERO)


def test_biases_take_the_step_of_adam(lib: Lib, dtype: str) -> None:
    for adapt_all, rate in ((False, 0.5), (True, 1.25)):
        lamb = LAMB(0.5, weight_decay=0.0, adapt_all=adapt_all, **ONE)
        expected = [x - rate * u for x, u in zip(P[0], [1, -1, 1, 1], strict=True)]
        assert_steps(lib, dtype, lamb, [expected], P[0], G[0])
        assert_steps(lib, dtype, Adam(rate, **ONE), [expected], P[0], G[0])
