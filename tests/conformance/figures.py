"""The figures of R1 to R9: one line each, printed, and kept as JSON where someone asks for it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

FILE = "XPCNN_CONFORMANCE_FIGURES"


def has_a_part(library: str) -> bool:
    """Whether it is tested by a part of the cases where no figures are kept: array-api-strict,
    whose checks take ten times as long as computing, and the further ways to run NumPy."""
    libraries = ("array-api-strict", "numpy-plain", "numpy-read-only")
    return library in libraries and FILE not in os.environ


def chosen(count: int, library: str) -> range:
    """Return the indices of the cases to test a library by: all, every fifth or every tenth."""
    step = 10 if library == "array-api-strict" else 5
    return range(0, count, step if has_a_part(library) else 1)


def report(
    name: str, passed: int, applicable: int, unsupported: Sequence[str] = (), note: str = ""
) -> None:
    """Print one figure; append it as a line of JSON to the file that FILE names."""
    figure = {
        "name": name,
        "passed": passed,
        "applicable": applicable,
        "unsupported": list(unsupported),
        "note": note,
    }
    print(f"{name}: {passed}/{applicable}{f' ({note})' if note else ''}")
    path = os.environ.get(FILE)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(figure) + "\n")
