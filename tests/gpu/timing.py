"""The time of one training step of each preset, against PyTorch's; verified before it is timed.

PyTorch computes eagerly, in both orders of memory, and on a GPU also by CUDA graphs. The sides
alternate in blocks; a block is timed between two synchronisations, its first steps left out. On a
CPU this is a rehearsal: thread pools take each other's cores, so no ratio is given.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Any

from tests.gpu.networks import FIRST, model_of, presets
from tests.gpu.section import Finding, Options, TimeUp, told
from tests.gpu.sides import Batch, Captured, Ours, Side, Theirs, batches_of
from xpcnn.backend import Backend
from xpcnn.layers.rebuilding import without_dropout
from xpcnn.models import Preset

STEPS, DROPPED, ROUNDS = 15, 3, 5
BATCH, LARGE_BATCH, BATCHES = 128, 1024, 4
LARGER = ("medium", "large-bn", "resnet20", "large")
QUICK = ("digits",)
OURS = "xpcnn"
FORMATS = ("contiguous_format", "channels_last")
GRAPH = ", CUDA graph"
VERIFIED, TOLERANCES = 3, {"float32": 1e-4, "float16": 2e-2}
"""So many steps must have losses so close to PyTorch's, relative to them."""


def findings(options: Options) -> Iterator[Finding]:
    """Time every preset at batch 128, the larger ones at 1024 too, as long as there is time."""
    backend = options.open()
    device = torch_device(backend)
    yield Finding("PyTorch runs on", device or "nothing: it is not installed or sees no device")
    for name, batch in plan(options.quick):
        label = f"{name}, batch {batch}"
        found = next(p for p in presets() if p.name == name)
        try:
            yield told(label, partial(timed, label, found, batch, backend, device, options))
        except TimeUp:
            yield Finding(label, {"left out": "the time was used up"})
    if methods := backend.conv_methods():
        yield Finding("engines that were chosen", methods)


def plan(quick: bool) -> list[tuple[str, int]]:
    """Return presets with batch sizes, those that figures are promised for first."""
    if quick:
        return [(name, 4) for name in QUICK]
    rest = [p.name for p in presets() if p.name not in FIRST]
    large = [(name, LARGE_BATCH) for name in LARGER]
    return [*((name, BATCH) for name in FIRST), *large, *((name, BATCH) for name in rest)]


def torch_device(backend: Backend) -> str | None:
    """Return PyTorch's name of the device, if PyTorch can use it."""
    if find_spec("torch") is None:
        return None
    import torch

    if backend.name == "cupy":
        return f"cuda:{backend.device.id}" if torch.cuda.is_available() else None
    return str(backend.device)


def timed(
    label: str,
    found: Preset,
    batch: int,
    backend: Backend,
    device: str | None,
    options: Options,
    dtype: str = "float32",
) -> Finding:
    """Verify and time one preset at one batch size."""
    batches = batches_of(found, batch, BATCHES)
    fact: dict[str, Any] = {"preset": found.name, "batch": batch, "dtype": dtype}
    plain = replace(found, layers=without_dropout(found.layers))  # each side draws its own numbers
    sums: dict[str, float] = {}
    for name, side in opened(plain, batches, backend, device, dtype):
        advance(side, VERIFIED, options)
        sums[name] = side.loss_sum()
    fact["sums of losses"] = sums
    far = {name: abs(sums[OURS] / value - 1.0) for name, value in sums.items()}
    if not max(far.values()) <= TOLERANCES[dtype]:
        return Finding(label, fact, f"not timed: relative differences of the losses {far}")

    sides = dict(opened(found, batches, backend, device, dtype))
    if device is not None and device.startswith("cuda") and dtype == "float32":
        sides |= captured(found, batches, backend, device)
    for side in sides.values():
        block(side, options)  # compiles kernels, chooses algorithms
    rounds = 1 if options.quick else ROUNDS
    needed = rounds * STEPS * sum(block(side, options) for side in sides.values())
    if needed > options.left():
        return Finding(label, fact | {"left out": f"it needs {needed:.0f} s, more than is left"})
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(block(side, options))
    ours = sides[OURS]
    if isinstance(ours, Ours) and (reason := getattr(ours.recipe.steps, "problem", None)):
        fact["steps"] = reason  # of no CUDA graph
    return Finding(label, fact | figures(times, batch, rehearsal=backend.name != "cupy"))


def opened(
    found: Preset, batches: list[Batch], backend: Backend, device: str | None, dtype: str
) -> list[tuple[str, Side]]:
    """Return the sides by name, with the same weights: all are made before one of them steps."""
    model = model_of(found, backend, dtype)
    sides: list[tuple[str, Side]] = [(OURS, Ours(model, batches))]
    if device is not None:
        sides += [(form, Theirs(model, batches, device, form)) for form in FORMATS]
    return sides


def captured(found: Preset, batches: list[Batch], backend: Backend, device: str) -> dict[str, Side]:
    """Return PyTorch's sides by CUDA graphs; scaled gradients cannot be captured."""
    model = model_of(found, backend)
    return {f"{form}{GRAPH}": Captured(model, batches, device, form) for form in FORMATS}


def advance(side: Side, steps: int, options: Options) -> None:
    """Make so many steps."""
    with side.session():
        for _ in range(steps):
            options.check_time()
            side.step()


def block(side: Side, options: Options) -> float:
    """Return the seconds of one step, as the mean over a block."""
    advance(side, DROPPED, options)
    side.synchronize()
    start = perf_counter()
    advance(side, STEPS - DROPPED, options)
    side.synchronize()
    return (perf_counter() - start) / (STEPS - DROPPED)


def figures(times: dict[str, list[float]], batch: int, rehearsal: bool) -> dict[str, Any]:
    """Return medians over the blocks in ms, images per second, and PyTorch's best over ours, of its
    eager steps and of its CUDA graphs."""
    medians = {name: median(values) for name, values in times.items()}

    def ratio(is_of: Callable[[str], bool]) -> float | None:
        best = min((s for name, s in medians.items() if name != OURS and is_of(name)), default=None)
        return None if best is None or rehearsal else best / medians[OURS]

    return {
        "ms": {name: 1e3 * seconds for name, seconds in medians.items()},
        "ms from and to": {name: [1e3 * min(v), 1e3 * max(v)] for name, v in times.items()},
        "images per second": batch / medians[OURS],
        "times as fast as PyTorch": ratio(lambda name: GRAPH not in name),
        "times as fast as its graphs": ratio(lambda name: GRAPH in name),
    }
