"""The script for a GPU, on a few enlarged digits."""

import pytest

from tests.examples.test_figures import SLOW, check_script


def test_it_runs_on_a_few_images(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check_script(SLOW, monkeypatch, capsys)
