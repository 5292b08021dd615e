"""One tally for all tests of a session."""

from collections import defaultdict

import pytest

from tests.conformance.tally import Tally


@pytest.fixture(scope="session")
def tally() -> Tally:
    return defaultdict(dict)
