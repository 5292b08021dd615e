"""The memory of a device that training takes, each network and side in a process of its own.

As the driver tells it, after the first steps and beyond what it told before them: allocators keep
what they have taken. Without a GPU, it is the process's memory, to rehearse.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.gpu.networks import model_of
from tests.gpu.section import ROOT, Finding, Options, told
from tests.gpu.sides import Ours, Side, Theirs, batches_of
from tests.gpu.timing import OURS, torch_device
from xpcnn import backend
from xpcnn.backend import Backend
from xpcnn.models import preset

JOBS = (("medium", 128), ("large-bn", 128), ("resnet20", 128), ("resnet20", 1024))
QUICK = (("digits", 16),)
STEPS = 5  # the third may be the first of a graph


def findings(options: Options) -> Iterator[Finding]:
    """Compare some presets."""
    device = torch_device(options.open())
    for name, batch in QUICK if options.quick else JOBS:
        label = f"{name}, batch {batch}"
        yield told(label, partial(compared, label, name, batch, device, options))


def compared(label: str, name: str, batch: int, device: str | None, options: Options) -> Finding:
    """Return the bytes of each side, and PyTorch's least over ours."""
    forms = () if device is None else ("contiguous_format", "channels_last")
    given = {"backend": options.backend, "device": options.device, "theirs": device}
    found: dict[str, int] = {}
    for side in (OURS, *forms):
        command = [sys.executable, "-m", "tests.gpu.peak", side, name, str(batch)]
        done = subprocess.run(
            [*command, json.dumps(given)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=max(options.left(), 1.0),
            check=False,
        )
        if done.returncode:
            return Finding(label, found, f"{side}: {done.stderr[-1500:]}")
        found[side] = int(done.stdout.split()[-1])
    least = min((found[form] for form in forms), default=None)
    ratio = None if least is None or options.backend != "cupy" else least / max(found[OURS], 1)
    return Finding(label, {"bytes": found, "PyTorch's over ours": ratio})


def measured(side: str, name: str, batch: int, given: dict[str, Any]) -> int:
    """Return the bytes that a few steps take, in this process."""
    library, found = backend.load(given["backend"], given["device"]), preset(name)
    if side == OURS:
        before, model = taken(library), model_of(found, library)
    else:  # nothing of ours on the device
        import torch

        if given["theirs"] != "cpu":
            torch.zeros(1, device=given["theirs"])
        before, model = taken(library), model_of(found, backend.load("numpy"))
    batches = batches_of(found, batch, 2)
    steps: Side = (
        Ours(model, batches) if side == OURS else Theirs(model, batches, given["theirs"], side)
    )
    with steps.session():
        for _ in range(STEPS):
            steps.step()
    steps.synchronize()
    return taken(library) - before


def taken(library: Backend) -> int:
    """Return the bytes of the device in use, or those that this process has at most had."""
    figures = library.memory()
    if "device_used" in figures:
        return figures["device_used"]
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    print(measured(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])))
