"""A run as its report shows it."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from xpcnn.report.reported_run import Run


@pytest.mark.parametrize(
    ("seconds", "words"), [(119.94, "119.9 s"), (2100.0, "35 min"), (9000.0, "2.5 h")]
)
def test_the_time_of_a_run_is_in_a_unit_that_suits_it(seconds: float, words: str) -> None:
    record: Any = SimpleNamespace(epochs=[{"seconds": seconds / 2}, {"seconds": seconds / 2}])
    model: Any = None
    assert Run("a", record, model).duration == words
