"""A folder for kernels that is empty, and a compiler that is quick."""

from pathlib import Path

import pytest

from tests.compiled.compilers import FIND
from tests.compiled.support import library, require_compiler


@pytest.fixture
def compiler() -> None:
    """Skip where there is none; comes before `cache`, lest the kernels of all tests lie there."""
    require_compiler()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name an empty folder as the user's cache; return that of the kernels in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("XPCNN_COMPILER", raising=False)
    monkeypatch.delenv("XPCNN_MARCH", raising=False)
    return tmp_path / "cache" / "xpcnn" / "kernels"


@pytest.fixture
def quick(compiler: None, tmp_path: Path) -> str:
    """Return the lines of a compiler that copies the library of this process: compiling takes
    seconds."""
    loaded = Path(library.load().calls._name)
    (tmp_path / "loaded.so").write_bytes(loaded.read_bytes())
    return f'{FIND}; cp {tmp_path}/loaded.so "$out"'
