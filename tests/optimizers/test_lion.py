import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps
from xpcnn.optimizers import Lion

P, G, H = [1.0, 2.0, 5.0], [2.0, -4.0, 0.0], [-3.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("lion", "expected"),
    [
        # m = G/2; m/2 + H/2 = [-1, -1, 0]
        (Lion(0.5, beta1=0.5, beta2=0.5), [[0.5, 2.5, 5.0], [1.0, 3.0, 5.0]]),
        # remembers no gradient, or nothing else: m = G
        (Lion(0.5, beta1=0.0), [[0.5, 2.5, 5.0], [1.0, 2.5, 5.0]]),
        (Lion(0.5, beta1=0.9, beta2=0.0), [[0.5, 2.5, 5.0], [0.0, 3.0, 5.0]]),
        # times 3/4 before each step
        (
            Lion(0.5, beta1=0.5, beta2=0.5, weight_decay=0.5),
            [[0.25, 2.0, 3.75], [0.6875, 2.0, 2.8125]],
        ),
    ],
)
def test_two_steps(lib: Lib, dtype: str, lion: Lion, expected: list[list[float]]) -> None:
    assert_steps(lib, dtype, lion, expected, P, G, H)
