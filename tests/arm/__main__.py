"""The kernels in C on ARM: `python -m tests.arm`.

Records calls of every kernel on this machine, forward and backward, compiles the kernels for
AArch64, whose vectors are NEON's, and repeats the calls in an emulator. Needs the packages
gcc-aarch64-linux-gnu and qemu-user (Debian), or a machine with such a processor. --native: with
the compiler and processor of this machine, which checks the recording itself.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.arm.recording import recorded
from tests.compiled.support import library

HERE = Path(__file__).parent
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
ALLOWED = 2.0**-18
"""Largest difference, of the largest number of an array: two processors round on other ways."""


def main() -> int:
    """Record, compile, repeat; return 1 where a call differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.arm", description=__doc__)
    parser.add_argument("--native", action="store_true", help="on this machine's processor")
    native = parser.parse_args().native
    compiler, emulator = ("gcc", "env") if native else (COMPILER, EMULATOR)
    missing = [program for program in (compiler, emulator) if shutil.which(program) is None]
    if missing:
        print(f"skipped: not installed: {', '.join(missing)}")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        program, calls = Path(scratch, "replay"), Path(scratch, "calls")
        calls.write_bytes(recorded())
        names = " ".join(f"X({name})" for name in library.build.functions())
        flags = [f for f in library.build.FLAGS if f not in ("-fPIC", "-shared")]
        sources: list[Path] = [HERE / "replay.c", *sorted(library.build.SOURCES.glob("*.c"))]
        define = [f"-DFUNCTIONS={names}", "-w", "-static", "-o", str(program)]
        subprocess.run([compiler, *flags, *define, *map(str, sources), "-lm"], check=True)
        done = subprocess.run([emulator, program, calls, str(ALLOWED)], text=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
