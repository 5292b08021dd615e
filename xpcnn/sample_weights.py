"""Weights of samples that users give to a training: how much each sample counts."""

import math
from numbers import Real
from typing import Any

import numpy

from xpcnn.backend import Backend
from xpcnn.data.labels import check_unmasked
from xpcnn.errors import ConfigError, DataError, DTypeError, ShapeError, hint


def as_weights(
    weights: Any, samples: int, backend: Backend, validation: Any = None
) -> numpy.ndarray:
    """Return the weights of samples as float64 (n,), scaled to mean 1.

    validation: as in `Model.fit`; a fraction would need weights for its samples too.

    Raises:
        ConfigError: `validation` is a fraction, or no weight is above 0.
        DataError, ShapeError, DTypeError: not one finite number >= 0 for each sample.
    """
    if isinstance(validation, Real):
        message = "sample_weights are given with a fraction of the samples as validation"
        raise ConfigError(hint(message, "validation=(samples, labels), split off beforehand"))
    check_unmasked(weights, "data", "sample_weights")
    if isinstance(weights, backend.array_type):
        weights = backend.to_host(weights)
    given = numpy.asarray(weights)
    if given.dtype.kind not in "iuf":
        message = f"sample_weights have dtype {given.dtype}, expected numbers"
        raise DTypeError(hint(message, "sample_weights=[1.0, 2.0, ...]"))
    if given.shape != (samples,):
        message = f"sample_weights have shape {given.shape}, expected ({samples},)"
        raise ShapeError(hint(message, "one number for each sample"))
    exact = given.astype(numpy.float64)
    bad = numpy.flatnonzero(~(numpy.isfinite(exact) & (exact >= 0.0)))
    if bad.size:
        message = f"{bad.size} sample_weights are negative, NaN or infinite, the first at {bad[0]}"
        raise DataError(hint(message, "finite numbers of at least 0"))
    total = exact.sum()
    if not 0.0 < total < math.inf:
        message = f"the sample_weights sum to {total:g}, expected a finite number above 0"
        raise ConfigError(hint(message, "sample_weights=None, for equal weights"))
    scaled: numpy.ndarray = exact * (samples / total)
    return scaled
