"""Every CUDA kernel under compute-sanitizer: bounds, races in shared memory, unwritten memory.

The process of `every_kernel.py` under each of its tools.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from tests.gpu.section import ROOT, Finding, Options, Skipped, told

TOOLS = ("memcheck", "racecheck", "initcheck")
NETWORKS, QUICK = ("small", "lenet5", "digits", "mnist-best", "resnet20"), ("digits",)


def findings(options: Options) -> Iterator[Finding]:
    """Run the steps under each tool."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        raise Skipped("compute-sanitizer is not installed")
    for tool in TOOLS:
        yield told(tool, partial(checked, program, tool, options))


def checked(program: str, tool: str, options: Options) -> Finding:
    """Return the last line of a tool, which counts errors, and what it says if there are some."""
    steps = [sys.executable, "-m", "tests.gpu.every_kernel", options.backend, options.device or ""]
    done = subprocess.run(
        [program, "--tool", tool, *steps, *(QUICK if options.quick else NETWORKS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=max(options.left(), 1.0),
        check=False,
    )
    lines = done.stdout.splitlines() or [""]
    clean = done.returncode == 0 and re.search(r"ERROR SUMMARY: 0 |\(0 errors", done.stdout)
    return Finding(tool, lines[-1], None if clean else done.stdout[-2500:])
