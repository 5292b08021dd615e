"""The provenance of a model, which its file keeps: version, data, options, last figures."""

from typing import Any

from xpcnn.backend import Backend
from xpcnn.data.dataset import Dataset
from xpcnn.training import History, TrainingOptions
from xpcnn.version import VERSION


def origin(backend: Backend, data: Dataset) -> dict[str, Any]:
    """Return what every training notes: version, backend, data."""
    return {
        "xpcnn": VERSION,
        "backend": backend.name,
        "data": data.name,
        "data_hash": data.digest(),
    }


def of_fit(
    backend: Backend, data: Dataset, options: TrainingOptions, seed: int, history: History
) -> dict[str, Any]:
    """Return what `Model.fit` notes: the origin, options, seed, and the figures at the end."""
    return {
        **origin(backend, data),
        "options": f"{options}, seed={seed}",
        **{name: history[name][-1] for name in ("loss", "accuracy") if len(history)},
    }
