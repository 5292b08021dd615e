"""Kernels in C that came with the package, one library for each instruction set.

`setup.py` puts them into a wheel where the machine that builds it has a compiler. An installed
package then needs none, and its first use compiles nothing.
"""

import ctypes
from pathlib import Path

from . import build

FOLDER = Path(__file__).parent / "prebuilt"


def load() -> tuple[ctypes.CDLL, str] | None:
    """Return the best library that this processor can run, and what it was compiled for.

    None if the package has no library of its sources.
    """
    for march in build.levels():
        path = FOLDER / build.library_name(march)
        if not path.is_file():
            continue
        try:
            calls = ctypes.CDLL(str(path))
            build.check_functions(calls)
        except OSError:  # of another system
            continue
        if getattr(calls, f"{build.PREFIX}runs_here")():
            return calls, build.level_name(march)
    return None
