"""The small network on digits that tests of Model share."""

from typing import TypeAlias

import xpcnn
from xpcnn import Model
from xpcnn.layers import Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from xpcnn.types import flatten

Parts: TypeAlias = tuple[xpcnn.data.Dataset, xpcnn.data.Dataset]


def layers() -> list[Layer]:
    return [Conv2D(8, 3, padding="same"), ReLU(), MaxPool2D(2), Flatten(), Dense(10)]


def fresh(**options: object) -> Model:
    return Model(layers(), input_shape=(1, 8, 8), **options)  # type: ignore[arg-type]


def weights(model: Model) -> dict[str, bytes]:
    tensors = flatten({"params": model.params, "buffers": model.buffers})
    return {path: model.backend.to_host(x).tobytes() for path, x in tensors.items()}
