"""A call that an op refuses, its error and its text: the same on every array library."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy
import pytest

from tests.lib import Lib
from xpcnn.errors import XpcnnError

Refusal: TypeAlias = tuple[Callable[[Callable[..., Any]], object], type[XpcnnError], str]
"""A call, given a function that makes zeros of a shape; the error; its text."""


def each(refusals: list[Refusal]) -> pytest.MarkDecorator:
    """Run a test for each of them."""
    return pytest.mark.parametrize("refusal", refusals, ids=[text[:40] for *_, text in refusals])


def require(lib: Lib, refusal: Refusal) -> None:
    """Require that the call raises the error, with this text."""
    refused, error, text = refusal

    def zeros(*shape: int, dtype: str = "float64") -> Any:
        return lib.asarray(numpy.zeros(shape, dtype))

    with pytest.raises(error) as caught:
        refused(zeros)
    assert str(caught.value) == text
    assert type(caught.value) is error
