"""Every CUDA kernel under compute-sanitizer: bounds, races in shared memory, unwritten memory.

A step of networks that use all kernels, at sizes that fill no block, under each of its tools.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from tests.gpu.networks import model_of
from tests.gpu.section import ROOT, Finding, Options, Skipped, told
from tests.gpu.sides import Ours, batches_of
from xpcnn import backend
from xpcnn.models import preset

TOOLS = ("memcheck", "racecheck", "initcheck")
NETWORKS, QUICK = ("small", "lenet5", "digits", "mnist-best", "resnet20"), ("digits",)
HALF = ("digits", "resnet20")  # those that train in float16 too
BATCH = 7
STEPS = 3  # with a graph: the second is captured, the third repeats it


def findings(options: Options) -> Iterator[Finding]:
    """Run the steps under each tool."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        raise Skipped("compute-sanitizer is not installed")
    for tool in TOOLS:
        yield told(tool, partial(checked, program, tool, options))


def checked(program: str, tool: str, options: Options) -> Finding:
    """Return the last line of a tool, which counts errors, and what it says if there are some."""
    steps = [sys.executable, "-m", "tests.gpu.sanitizers", options.backend, options.device or ""]
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


def step(library: str, device: str | None, names: list[str]) -> None:
    """Make steps of each network."""
    opened = backend.load(library, device)
    jobs = [(name, "float32") for name in names]
    for name, dtype in jobs + [(name, "float16") for name in HALF if name in names]:
        found = preset(name)
        side = Ours(model_of(found, opened, dtype), batches_of(found, BATCH, 2))
        with side.session():
            for _ in range(STEPS):
                side.step()
        print(name, dtype, side.loss_sum())


if __name__ == "__main__":
    step(sys.argv[1], sys.argv[2] or None, sys.argv[3:])
