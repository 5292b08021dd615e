"""Every optimizer test runs on every array library."""

import pytest

from tests.libraries import LIBRARIES, Library


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    return LIBRARIES[request.param]()
