"""The kernels in C under the compiler's own watch: `python -m tests.sanitizers [NAME ...]`.

Every kernel is called on arrays of odd sizes, in several pieces on two threads, in a process whose
kernels GCC has compiled with a sanitizer:

    address   no read or write beyond memory that is held, nothing undefined
    thread    no two threads touch the same memory at once, one of them writing, unordered by locks
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CODE = (
    "import os; del os.environ['LD_PRELOAD']\n"  # it is not for the compiler
    "from tests.compiled.support import library\n"
    "library.build.SECONDS = 200.0\n"  # compiling takes several times as long
    "from tests.compiled.test_every_kernel import calls; print(len(calls()))"
)


class Sanitizer(NamedTuple):
    """flags: of the compiler; library: of the compiler, loaded before Python; options: its own."""

    flags: str
    library: str
    options: dict[str, str]
    before: tuple[str, ...] = ()


SANITIZERS = {
    "address": Sanitizer(
        "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all",
        "libasan.so",
        {"ASAN_OPTIONS": "detect_leaks=0"},  # Python leaves what it needs to the end
    ),
    "thread": Sanitizer(
        "-O1 -g -fsanitize=thread",
        "libtsan.so",
        {"TSAN_OPTIONS": "ignore_noninstrumented_modules=1"},  # NumPy and Python
        ("setarch", platform.machine(), "-R"),  # it knows only some layouts of memory
    ),
}


def run(name: str, gcc: str) -> bool:
    """Run every kernel under a sanitizer and tell how it ended; return whether nothing was found.

    One that is not installed counts as found nothing, and is named.
    """
    sanitizer = SANITIZERS[name]
    ask = [gcc, f"-print-file-name={sanitizer.library}"]
    library = subprocess.run(ask, capture_output=True, text=True).stdout.strip()
    if not Path(library).is_absolute():
        print(f"{name}: skipped, GCC's {sanitizer.library} is not installed", flush=True)
        return True
    with tempfile.TemporaryDirectory() as scratch:
        compiler = Path(scratch, "cc")
        compiler.write_text(f'#!/bin/sh\nexec {gcc} "$@" {sanitizer.flags}\n')
        compiler.chmod(0o755)
        environment = {n: v for n, v in os.environ.items() if not n.startswith("XPCNN_")}
        environment |= {"XPCNN_COMPILER": str(compiler), "XDG_CACHE_HOME": scratch}
        environment |= {"LD_PRELOAD": library, **sanitizer.options}
        command = [*sanitizer.before, sys.executable, "-c", CODE]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        print(f"{name}: FAILED\n{done.stderr[:5000]}", flush=True)
    else:
        print(f"{name}: nothing found in {done.stdout.strip()} kernels", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run the sanitizers that are named, or all; return 1 if one found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.sanitizers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=" or ".join(SANITIZERS))
    names = parser.parse_args().names or [*SANITIZERS]
    if unknown := {*names} - {*SANITIZERS}:
        parser.error(f"no sanitizer is called {', '.join(unknown)}: {', '.join(SANITIZERS)}")
    gcc = shutil.which("gcc")
    if gcc is None:
        print("skipped: GCC is not installed")
        return 0
    passed = [run(name, gcc) for name in names]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
