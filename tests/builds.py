"""The tests of what the kernels compute, on every build: `python -m tests.builds [NAME ...]`.

Builds are by instruction set and number of threads, by Clang, and without kernels in C. One that
this processor cannot run, and Clang's where it is not installed, is named, and skipped. --list
prints the names.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARCHES = ("x86-64", "x86-64-v3", "x86-64-v4")
"""As compilers name them: the baseline (SSE2), with AVX2 and with AVX-512."""
THREADS = ("1", "2")

TESTS = (
    *("tests/compiled", "tests/ops", "tests/layers", "tests/optimizers", "tests/training"),
    *("tests/conformance/test_r5_gradients.py", "tests/conformance/test_r6_boundaries.py"),
    *("tests/conformance/test_r7_curves.py", "tests/conformance/test_r8_properties.py"),
    *("tests/test_model.py", "tests/test_memory_order.py"),
)
OTHERS = ("array-api-strict", "torch", "cupy", "numpy-plain", "numpy-no-kernels")
"""Libraries of the tests that do not run these kernels."""
FLAGS = ("-q", "-n", "auto", "--tb=short", "-p", "no:cacheprovider")

KERNELS = "from xpcnn import backend; print(backend.load('numpy').describe()['kernels'])"


def builds() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name of every build, and the environment variables that choose it."""
    for march in MARCHES:
        for threads in THREADS:
            name = f"{march}, {threads} thread{'s' * (threads != '1')}"
            yield name, {"XPCNN_MARCH": march, "XPCNN_NUM_THREADS": threads}
    yield "clang", {"XPCNN_COMPILER": "clang"}
    yield "no compiler", {"XPCNN_COMPILER": "none"}


def run(name: str, variables: dict[str, str]) -> bool:
    """Run the tests on one build and tell how they ended; return whether none failed."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith("XPCNN_")} | variables
    kernels = output([sys.executable, "-c", KERNELS], environment).strip()
    print(f"{name}: kernels {kernels}", flush=True)
    if "processor cannot run" in kernels:
        print(f"{name}: skipped, since this processor cannot run it", flush=True)
        return True
    if "there is no C compiler" in kernels:
        print(f"{name}: skipped, since it is not installed", flush=True)
        return True
    if kernels.startswith("in C") == (variables.get("XPCNN_COMPILER") == "none"):
        print(f"{name}: FAILED, these are not its kernels", flush=True)
        return False
    chosen = " and ".join(f"not {other}" for other in OTHERS)
    command = [sys.executable, "-m", "pytest", *FLAGS, *TESTS, "-k", chosen]
    for about_no_build in ("library", "compilers"):
        command += ["--ignore", f"tests/compiled/test_{about_no_build}.py"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    if done.returncode:
        print(*(line for line in lines if not set(line[:9]) <= set(".sx [")), sep="\n")
    print(f"{name}: {'FAILED, ' * (done.returncode != 0)}{lines[-1].strip('= ')}", flush=True)
    return done.returncode == 0


def output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def main() -> int:
    """Run the tests on the builds that are named, or on all; return 1 if one failed."""
    known = dict(builds())
    parser = argparse.ArgumentParser(prog="python -m tests.builds", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of the name of a build")
    parser.add_argument("--list", action="store_true", help="print the names of all builds")
    arguments = parser.parse_args()
    if arguments.list:
        print(*known, sep="\n")
        return 0
    chosen = [n for n in known if not arguments.names or any(a in n for a in arguments.names)]
    if not chosen:
        parser.error(f"no build is called {' or '.join(arguments.names)}; see --list")
    passed = [run(name, known[name]) for name in chosen]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
