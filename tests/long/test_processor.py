"""The kernels compiled for processors that a user names."""

import platform
from pathlib import Path

import pytest

from tests.compiled.compilers import FAILED, found, script
from tests.compiled.support import library, require_compiler


def test_the_processor_to_compile_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_compiler()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("XPCNN_COMPILER", raising=False)
    monkeypatch.setenv("XPCNN_MARCH", "pentium-9")
    assert not found()[0]
    assert found()[1].startswith(FAILED)
    assert "pentium-9" in found()[1]
    if platform.machine() != "x86_64":
        return
    monkeypatch.setenv("XPCNN_COMPILER", script(tmp_path / "cc", 'exec cc "$@" -O0'))  # quickly
    monkeypatch.setenv("XPCNN_MARCH", "x86-64")
    assert found()[1].startswith("in C for float32, compiled by ")
    assert found()[1].endswith(" for x86-64 (SSE2)")
    monkeypatch.setenv("XPCNN_MARCH", "x86-64-v2")
    assert library.will_compile()  # the one for another does not do
