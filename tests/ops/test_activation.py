"""Activations: values and derivatives at -2, -1/2, 0, 1/2, 2 and far out, to ten digits.

The numbers are the formulas of the sources worked out with 30 digits, not by xpcnn.
"""

from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import ops

TENTH_DIGIT = 2e-10
X = [-2.0, -0.5, 0.0, 0.5, 2.0]

TABLE: dict[str, tuple[dict[str, Any], list[float], list[float]]] = {
    # name: hyperparameters, values at X, derivatives at X
}


def far(values: list[float]) -> Any:
    return numpy.asarray(values)
