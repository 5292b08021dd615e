import math

import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps
from xpcnn.optimizers import Adagrad

P, G, H = [1.0, 2.0], [2.0, -4.0], [0.0, 3.0]


@pytest.mark.parametrize(
    ("adagrad", "expected"),
    [
        # s = [4, 16], u = [1, -1]; then s = [4, 25], u = [0, 0.6]
        (Adagrad(0.5, eps=0.0), [[0.5, 2.5], [0.5, 2.2]]),
        # the second rate is 0.5 / (1 + 1)
        (Adagrad(0.5, eps=0.0, lr_decay=1.0), [[0.5, 2.5], [0.5, 2.35]]),
        # s = [4 + 12, 16 + 12 = 28]; then [16, 37]
        (
            Adagrad(0.5, eps=0.0, initial_accumulator_value=12.0),
            [[0.75, 2 + 2 / math.sqrt(28)], [0.75, 2 + 2 / math.sqrt(28) - 1.5 / math.sqrt(37)]],
        ),
        # 2 / (2 + 2), -4 / (4 + 2), 3 / (5 + 2)
        (Adagrad(0.5, eps=2.0), [[0.75, 2 + 1 / 3], [0.75, 2 + 1 / 3 - 1.5 / 7]]),
        # g = G + 3 p = [5, 2], then H + 3 p = [1.5, 7.5]; s = [25, 4], [27.25, 60.25]
        (
            Adagrad(0.5, eps=0.0, weight_decay=3.0),
            [[0.5, 1.5], [0.5 - 0.75 / math.sqrt(27.25), 1.5 - 3.75 / math.sqrt(60.25)]],
        ),
    ],
)
def test_two_steps(lib: Lib, dtype: str, adagrad: Adagrad, expected: list[list[float]]) -> None:
    assert_steps(lib, dtype, adagrad, expected, P, G, H)
