import pytest

from tests.lib import Lib
from tests.optimizers.steps import assert_steps
from xpcnn.errors import ConfigError
from xpcnn.optimizers import SGD

P, G, H = [1.0, 2.0], [2.0, -4.0], [2.0, 0.0]


@pytest.mark.parametrize(
    ("sgd", "expected"),
    [
        (SGD(0.5), [[0.0, 4.0], [-1.0, 4.0]]),
        # v = G, then 0.5 G + H = [3, -2]
        (SGD(0.5, momentum=0.5), [[0.0, 4.0], [-1.5, 5.0]]),
        # G + 0.5 v = [3, -6], then H + 0.5 v = [3.5, -1]
        (SGD(0.5, momentum=0.5, nesterov=True), [[-0.5, 5.0], [-2.25, 5.5]]),
        # v = G undampened, then 0.5 G + 0.5 H = [2, -2]
        (SGD(0.5, momentum=0.5, dampening=0.5), [[0.0, 4.0], [-1.0, 5.0]]),
        # g = G + 0.5 p = [2.5, -3], then H + 0.5 p = [1.875, 1.75]
        (SGD(0.5, weight_decay=0.5), [[-0.25, 3.5], [-1.1875, 2.625]]),
        (SGD(0.5, weight_decay=0.5, decoupled=True), [[-0.25, 3.5], [-1.1875, 2.625]]),
        # decoupled, the velocity does not see the decay: v = G, then [3, -2]
        (
            SGD(0.5, momentum=0.5, weight_decay=0.5, decoupled=True),
            [[-0.25, 3.5], [-1.6875, 3.625]],
        ),
    ],
)
def test_two_steps(lib: Lib, dtype: str, sgd: SGD, expected: list[list[float]]) -> None:
    assert_steps(lib, dtype, sgd, expected, P, G, H)


def test_nesterov_needs_plain_momentum() -> None:
    text = (
        "SGD: nesterov needs momentum above 0 and dampening 0, got momentum=0, dampening=0\n"
        r"Try: SGD\(momentum=0.9, nesterov=True\)"
    )
    with pytest.raises(ConfigError, match=text):
        SGD(nesterov=True)
    with pytest.raises(ConfigError, match=r"got momentum=0.9, dampening=0.1"):
        SGD(nesterov=True, momentum=0.9, dampening=0.1)
