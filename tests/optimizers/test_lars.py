import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps
from xpcnn.optimizers import LARS

P, G, ZERO = [[3.0, 4.0]], [[0.0, 2.0]], [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("lars", "expected"),
    [
        # r = 0.4·5/2 = 1, v = G/2; without a gradient v/2
        (LARS(0.5, momentum=0.5, trust=0.4, eps=0.0), [[[3.0, 3.0]], [[3.0, 2.5]]]),
        # r = 5/(2 + 2) in the place of 5/2
        (LARS(0.5, momentum=0.0, trust=1.0, eps=2.0), [[[3.0, 2.75]], [[3.0, 2.75]]]),
        # r = 0.6·5/(2 + 0.2·5) = 1 on [0.6, 2.8]; where the gradient is 0, r = 1 on 0.2 p
        (
            LARS(0.5, momentum=0.0, trust=0.6, eps=0.0, weight_decay=0.2),
            [[[2.7, 2.6]], [[2.43, 2.34]]],
        ),
    ],
)
def test_two_steps(lib: Lib, dtype: str, lars: LARS, expected: list[list[list[float]]]) -> None:
    assert_steps(lib, dtype, lars, expected, P, G, ZERO)


def test_biases_take_the_plain_step(lib: Lib, dtype: str) -> None:
    for adapt_all, expected in ((False, [3.0, 3.5]), (True, [3.0, 3.0])):
        lars = LARS(0.25, momentum=0.0, trust=0.8, eps=0.0, adapt_all=adapt_all)
        assert_steps(lib, dtype, lars, [expected], P[0], G[0])


def test_weights_of_zero_move(lib: Lib, dtype: str) -> None:
    assert_steps(lib, dtype, LARS(0.5), [[[0.0, -1.0]]], ZERO, G)
