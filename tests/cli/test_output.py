"""What is said while the program is busy."""

import sys
import threading

import pytest

from tests.waiting import PATIENCE
from xpcnn.cli import output


def test_long_work_is_announced_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    heard = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        heard.set()

    monkeypatch.setattr(output, "_PATIENCE", 0.0)
    monkeypatch.setattr(output, "say", say)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with output.announced("reading pictures"):
        assert heard.wait(PATIENCE)
    assert said == ["reading pictures ..."]


def test_in_a_pipe_no_clock_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "Timer", None)
    with output.announced("reading pictures"):
        pass
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with output.announced("reading pictures", quiet=True):
        pass


def test_work_that_ends_soon_is_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_PATIENCE", 3600.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    before = set(threading.enumerate())
    with output.announced("reading pictures"):
        new = set(threading.enumerate()) - before
        (timer,) = (thread for thread in new if type(thread) is threading.Timer)
    timer.join(PATIENCE)
    assert not timer.is_alive()
