"""The check of an op sees wrong gradients, and passes right ones: one planted error each."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from tests.lib import Lib
from xpcnn import ops
from xpcnn.errors import GradientError
from xpcnn.testing import check_pullback

RNG = numpy.random.default_rng(0)
X, W, B = (RNG.normal(size=shape) for shape in ((2, 3, 5, 4), (4, 3, 3, 3), (4,)))
SCORES, LABELS = RNG.normal(size=(4, 3)), numpy.array([0, 2, 1, 2])


def test_right_ops_pass(lib: Lib) -> None:
    check_pullback(ops.conv2d, X, W, B, stride=2, padding=1, backend=lib.backend)
    check_pullback(ops.conv2d, X.astype("float32"), W, None, backend=lib.backend)
    check_pullback(ops.batch_norm, X, B[:3], B[1:], backend=lib.backend)  # y is a tuple
    check_pullback(ops.softmax_cross_entropy, SCORES, LABELS, backend=lib.backend)  # y is a number


def square(back: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return the op y = x² with the pullback dy -> back(dy, x)."""

    def squared(x: Any) -> Any:
        return x * x, lambda dy, wants=None: back(dy, x)

    return squared


@pytest.mark.parametrize(
    ("back", "text"),
    [
        (lambda dy, x: (2.001 * dy * x,), "wrong in 12 of 12 .* every entry is 1.0005 times"),
        (lambda dy, x: (dy * x,), "every entry is 0.5 times what it should be"),
        (lambda dy, x: (numpy.nan * x,), ": the gradient of x is wrong.* divides by nothing"),
        (lambda dy, x: 2 * dy * x, "the pullback returned a ndarray, expected a tuple with a grad"),
        (lambda dy, x: (dy, x), "the pullback returned 2 values, expected a tuple with a gradient"),
        (lambda dy, x: (None,), "the pullback returned no gradient that could be checked"),
        (lambda dy, x: (2 * (dy * x)[0],), r"of x has shape \(3,\), expected \(4, 3\)"),
        (lambda dy, x: (1.0,), r"the gradient of x is 1\.0, expected \(4, 3\)"),
    ],
)
def test_a_planted_error_is_seen(back: Callable[[Any, Any], Any], text: str) -> None:
    check_pullback(square(lambda dy, x: (2 * dy * x,)), SCORES)
    with pytest.raises(GradientError, match=f"(?s)^squared.*{text}"):
        check_pullback(square(back), SCORES)


def test_a_function_that_is_no_op_is_told() -> None:
    with pytest.raises(GradientError, match=r"^sin returned a ndarray, expected \(y, pullback\)"):
        check_pullback(numpy.sin, SCORES)
