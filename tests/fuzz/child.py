"""A process that gives damaged files to one reader, under limits of time and memory.

    python -m tests.fuzz.child READER SEED FIRST LAST

Prints a line of JSON before each case and one after it. A case beyond a limit ends the process; the
parent sees which it was.
"""

import json
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from random import Random

from tests.fuzz.readers import READERS, Reader, outcome
from xpcnn.errors import DataWarning, HealthWarning

CPU_SECONDS = 5.0
SECONDS = 60.0
MEMORY = 512 << 20
"""Bytes of address space beyond what the process has when it starts."""


def files(reader: Reader, folder: Path) -> list[Path]:
    """Write the originals, and return them in order."""
    folder.mkdir()
    reader.write(folder)
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")


def damaged(reader: Reader, name: str, number: int, seed: int, paths: list[Path]) -> Path:
    """Damage one of the originals for a case; return which."""
    random = Random(f"{seed}/{name}/{number}")
    path = random.choice(paths)
    path.write_bytes(reader.damage(path.read_bytes(), random))
    return path


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def set_time(active: bool) -> None:
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS if active else 0.0)  # SIGPROF
    signal.setitimer(signal.ITIMER_REAL, SECONDS if active else 0.0)  # SIGALRM


def main() -> None:
    name, seed, first, last = sys.argv[1], *map(int, sys.argv[2:5])
    reader = READERS[name]
    warnings.simplefilter("error")
    for kind in (DataWarning, HealthWarning):
        warnings.simplefilter("ignore", kind)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "run")
        paths = files(reader, folder)
        originals = {path: path.read_bytes() for path in paths}
        for path in paths:  # the whole ones are right, and what is imported late is imported
            found = outcome(reader, path)
            assert found == "right", f"{name}: {path.name} as it was written: {found}"
        limit_memory()
        for number in range(first, last):
            print(json.dumps({"case": number}), flush=True)
            path = damaged(reader, name, number, seed, paths)
            set_time(True)
            found = outcome(reader, path)
            set_time(False)
            print(json.dumps({"case": number, "found": found}), flush=True)
            for original, content in originals.items():
                original.write_bytes(content)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
