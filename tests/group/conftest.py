"""Tests of this folder that start processes do so in a folder of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import end_all


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    end_all()
