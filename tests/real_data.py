"""Where real data sets lie, for tests that need them; on a machine without, they are skipped."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("XPCNN_TEST_DATA") or ROOT.parent / "shared" / "data")


def real_data(name: str) -> Path:
    """Return the folder of a data set, or skip the test by name."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not here: set XPCNN_TEST_DATA to a folder that has {name}/")
    return folder
