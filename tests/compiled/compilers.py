"""Scripts in the place of a C compiler, and what a new process would find with them."""

import os
from pathlib import Path

import pytest

from tests.compiled.support import library

FAILED = "NumPy's, since those in C could not be made: "
needs_sh = pytest.mark.skipif(os.name != "posix", reason="no sh on this system")

FIND = 'while [ "$1" != -o ]; do shift; done; out=$2'


def found() -> tuple[bool, str]:
    """Return whether there are kernels in C, and the status, as a new process would find them."""
    calls, status = library.load.__wrapped__()
    return calls is not None, status


def script(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def counting(path: Path, *lines: str) -> str:
    """Write a compiler that notes each of its calls in the file `calls`, then does as told."""
    return script(path, f"echo call >> {path.parent}/calls", *lines)


def calls(path: Path) -> int:
    return (path / "calls").read_text().count("call")
