"""A model trained on one side predicts the same on the other, moved in memory and by a file."""

import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy

from tests.gpu.networks import images, model_of
from tests.gpu.section import Finding, Options
from xpcnn import backend as backends
from xpcnn.backend import Backend
from xpcnn.data import Dataset
from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.types import flatten

TOLERANCE = 1e-5  # of probabilities in float32


def findings(options: Options) -> Iterator[Finding]:
    """Train on each side, move to the other by `to` and by a file, compare."""
    found = preset("digits")  # batch normalisation has buffers
    host, device = backends.load("numpy"), options.open()
    samples = images(found.input_shape, found.classes, 64 if options.quick else 256)
    for here, there, name in ((device, host, None), (host, device, options.device)):
        model = model_of(found, here, seed=1)
        model.fit(samples, epochs=2)
        way = f"from {here.name} to {there.name}"
        yield compared(f"{way} in memory", model, model.to(there), samples)
        if find_spec("safetensors") is None:
            yield Finding(f"{way} by a file", "left out: safetensors is not installed")
        else:
            yield compared(f"{way} by a file", model, by_a_file(model, there, name), samples)


def by_a_file(model: Model, backend: Backend, device: str | None) -> Model:
    """Return the model as another backend reads it; `device` as a user names it."""
    from xpcnn.model_loading import load_model

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        return load_model(path, backend=backend.name, device=device)


def compared(name: str, model: Model, other: Model, samples: Dataset) -> Finding:
    """Require equal arrays, the same decisions, and probabilities within rounding."""
    mine, theirs = (
        flatten(m.host_arrays(m.params)) | flatten(m.host_arrays(m.buffers), "buffers.")
        for m in (model, other)
    )
    changed = [path for path, x in mine.items() if x.tobytes() != theirs[path].tobytes()]
    p, q = model.predict_proba(samples.images), other.predict_proba(samples.images)
    far = float(numpy.max(numpy.abs(p - q)))
    decisions = int(numpy.sum(model.predict(samples.images) != other.predict(samples.images)))
    fact = {"arrays": len(mine), "largest difference of probabilities": far}
    problems = []
    if changed:
        problems.append(f"other arrays: {changed}")
    if not far <= TOLERANCE:
        problems.append(f"probabilities differ by {far:.2g}, more than {TOLERANCE:g}")
    if decisions:
        problems.append(f"{decisions} of {len(p)} decisions differ")
    return Finding(name, fact, "; ".join(problems) or None)
