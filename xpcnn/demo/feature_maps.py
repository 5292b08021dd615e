"""The outputs of a network's first convolution for one sample."""

from typing import NamedTuple

import numpy as np

from xpcnn.layers import Context
from xpcnn.model import Model
from xpcnn.training.probe import watched
from xpcnn.types import Array


class FeatureMaps(NamedTuple):
    """The output of a layer for one sample.

    layer: path and type of the layer.
    values: (channels, h, w).
    """

    layer: str
    values: np.ndarray


def first_feature_maps(model: Model, sample: np.ndarray) -> FeatureMaps | None:
    """Return the output of the first convolution for a raw sample (c, h, w).

    None for networks without a convolution.
    """
    found: list[tuple[str, Array]] = []

    def keep(kind: str, where: str, x: Array) -> None:
        if not found and kind == "output" and where.endswith("(Conv2D)"):
            found.append((where, x))

    network = model.network
    with model.backend.session():
        (x, _), *_ = network.samples(sample[None], None).batches(1)
        watched(network.layers, keep).forward(network.params, network.buffers, x, Context())
    if not found:
        return None
    layer, y = found[0]
    return FeatureMaps(layer, model.backend.to_host(y)[0])
