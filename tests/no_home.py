"""A user without a home folder, such as a number that a container runs as."""

import pwd
from typing import NoReturn

import pytest


def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process belong to a user whom the system does not know; no variable names a home."""

    def unknown(number: int) -> NoReturn:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
