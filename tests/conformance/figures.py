"""The figures of the judges: one line each, printed, and kept as JSON where someone asks for it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path


def report(
    name: str, passed: int, applicable: int, unsupported: Sequence[str] = (), note: str = ""
) -> None:
    """Print one figure; append it as a line of JSON to the file of XPCNN_CONFORMANCE_FIGURES."""
    figure = {
        "name": name,
        "passed": passed,
        "applicable": applicable,
        "unsupported": list(unsupported),
        "note": note,
    }
    print(f"{name}: {passed}/{applicable}{f' ({note})' if note else ''}")
    path = os.environ.get("XPCNN_CONFORMANCE_FIGURES")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(figure) + "\n")
