"""Training on the device: the losses of NumPy from the same seed, and the same bits twice, also of
images that are copied there while it computes."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy

from tests.gpu.networks import images, model_of, presets
from tests.gpu.section import Finding, Options, told
from tests.gpu.steady import unsteady
from xpcnn import backend as backends
from xpcnn.backend import Backend
from xpcnn.data.stored import Mapped
from xpcnn.models import Preset, preset
from xpcnn.optimizers import Optimizer
from xpcnn.types import flatten

STEPS, BATCH, LARGE = 5, 16, 128
TOLERANCES = {"float32": 1e-4, "float64": 1e-9}
"""How far a loss may be from NumPy's, relative to it."""

SLOW = 1e-3
"""The learning rate in float32. There, a value within a rounding error of a ReLU's kink is found in
every step of a deep network and changes the gradient by what one element weighs. At the presets'
own rates, batch normalisation makes more than 1e-4 of that in three steps: of PyTorch against NumPy
as of NumPy in float32 against float64."""

QUICK = ("digits",)  # has batch normalisation and dropout


def findings(options: Options) -> Iterator[Finding]:
    """Compare the first losses of every preset in both dtypes; then train each one twice, and one
    on images in memory and on disk."""
    host, device = backends.load("numpy"), options.open()
    chosen = [p for p in presets() if p.name in QUICK or not options.quick]
    for found in chosen:
        for dtype in TOLERANCES:
            name = f"{found.name} in {dtype}"
            yield told(name, partial(compared, name, found, dtype, host, device))
    size = BATCH if options.quick else LARGE
    for found in chosen:
        name = f"{found.name} twice"
        yield told(name, partial(repeated, name, found, device, size))
    yield told("uploaded", partial(uploaded, "uploaded", preset(QUICK[0]), device))


def compared(name: str, found: Preset, dtype: str, host: Backend, device: Backend) -> Finding:
    """Compare the losses of one preset with NumPy's."""
    own = found.training.optimizer
    optimizer = with_rate(own, SLOW) if dtype == "float32" else own
    expected, _ = losses(found, host, dtype, optimizer)
    got, _ = losses(found, device, dtype, optimizer)
    far, tolerance = distance(got, expected), TOLERANCES[dtype]
    fact = {"largest relative difference": far, "losses": got, "on NumPy": expected}
    wrong = f"losses differ by {far:.2g} of NumPy's, more than {tolerance:g}"
    return Finding(name, fact, None if far <= tolerance else wrong)


def repeated(name: str, found: Preset, device: Backend, batch: int) -> Finding:
    """Train one preset twice from one seed; name the arrays that differ, and where that begins."""
    first, second = (losses(found, device, "float32", batch=batch)[1] for _ in range(2))
    differ = different(first, second)
    fact: dict[str, Any] = {"arrays": len(first), "different": differ}
    if differ:
        fact["layers that give other bits when called again"] = unsteady(found, device, batch)
    wrong = f"two runs from one seed differ in {len(differ)} arrays, the first {differ[:3]}"
    return Finding(name, fact, wrong if differ else None)


def uploaded(name: str, found: Preset, device: Backend) -> Finding:
    """Train one preset on images that are on the device, and on those that are copied there."""
    there = images(found.input_shape, found.classes, 10 * BATCH + 1)
    copied = replace(there, images=Mapped(there.images))
    ends = []
    for data in (there, copied):
        model = model_of(found, device)
        model.fit(data, epochs=2, batch_size=BATCH, health=False)
        ends.append({path: device.to_host(x) for path, x in flatten(model.params).items()})
    differ = different(*ends)
    fact = {"uploads ahead": device.uploads_ahead, "different": differ}
    wrong = f"copied while the device computes, images give other bits in {differ[:3]}"
    return Finding(name, fact, wrong if differ else None)


def losses(
    found: Preset,
    backend: Backend,
    dtype: str,
    optimizer: Optimizer | None = None,
    batch: int = BATCH,
) -> tuple[list[float], dict[str, Any]]:
    """Return the losses of the first steps, and all arrays of the model as they are then.

    The batch is the data set, so that an epoch is one step; the order and dropout still change.
    """
    model = model_of(found, backend, dtype)
    history = model.fit(
        images(found.input_shape, found.classes, batch),
        epochs=STEPS,
        batch_size=batch,
        optimizer=optimizer or found.training.optimizer,
    )
    arrays = flatten(model.params) | flatten(model.buffers, "buffers.")
    return history["loss"], {path: backend.to_host(x) for path, x in arrays.items()}


def with_rate(optimizer: Any, rate: float) -> Optimizer:
    """Return the optimizer, a frozen dataclass, with another learning rate."""
    changed: Optimizer = replace(optimizer, lr=rate)
    return changed


def distance(got: list[float], expected: list[float]) -> float:
    """Return the largest difference relative to what is expected."""
    a, b = numpy.asarray(got), numpy.asarray(expected)
    return float(numpy.max(numpy.abs(a - b) / numpy.abs(b)))


def different(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Name the arrays that are not equal to the last bit."""
    return [path for path, x in first.items() if x.tobytes() != second[path].tobytes()]
