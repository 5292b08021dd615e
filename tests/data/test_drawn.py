"""Samples as pictures."""

import numpy
import pytest

from xpcnn.data.drawn import picture, value_range


@pytest.mark.parametrize(
    ("dtype", "channels", "expected"),
    [
        ("uint8", 3, (0.0, 255.0)),  # a picture of one colour keeps it
        ("uint8", 1, (100.0, 120.0)),
        ("float32", 3, (100.0, 120.0)),
    ],
)
def test_which_values_are_black_and_white(
    dtype: str, channels: int, expected: tuple[float, float]
) -> None:
    sample = numpy.full((channels, 2, 2), 120, dtype)
    sample[0] = 100
    sample[-1, 0, 0] = 120
    assert value_range(sample) == value_range(sample[None]) == expected


def test_a_teal_picture_stays_teal() -> None:
    sample = numpy.full((3, 1, 1), 0, numpy.uint8)
    sample[:, 0, 0] = (118, 210, 190)
    assert picture(sample, *value_range(sample)).tolist() == [[[118, 210, 190]]]
