"""The process of one section: `python -m tests.gpu.child NAME OPTIONS FILE`.

Writes one JSON line per finding to FILE, at once.
"""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.gpu.section import Finding, Options, Skipped


def main() -> None:
    """Run one section in this process."""
    name, options, path = sys.argv[1:]
    with Path(path).open("a", encoding="utf-8") as file:
        for found in findings(name, Options(**json.loads(options))):
            file.write(json.dumps(found) + "\n")
            file.flush()


def findings(name: str, options: Options) -> Iterator[Finding]:
    """Yield what the module of a section finds, or why it has nothing to do here."""
    try:
        yield from import_module(f"tests.gpu.{name}").findings(options)
    except Skipped as reason:
        yield Finding("skipped", str(reason))


if __name__ == "__main__":
    main()
