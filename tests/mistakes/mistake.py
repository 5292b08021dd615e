"""What a mistake is, and what it is made with: a model on an array library, arrays, a folder."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import pytest

from tests.lib import Lib
from xpcnn import Model
from xpcnn.errors import XpcnnError
from xpcnn.layers import Context, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from xpcnn.types import Array, flatten


@dataclass
class Given:
    """`model` is there once it is asked for: (1, 8, 8) to 3 classes, never trained."""

    lib: Lib
    folder: Path
    patch: pytest.MonkeyPatch

    @cached_property
    def model(self) -> Model:
        network: list[Layer] = [Conv2D(4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(3)]
        return Model(network, input_shape=(1, 8, 8), backend=self.lib.backend)

    def zeros(self, *shape: int, dtype: str = "float32") -> Array:
        return self.lib.asarray(numpy.zeros(shape, dtype))

    def foreign(self, *shape: int, dtype: str = "float32") -> Array:
        """Return zeros of another library than NumPy."""
        reason = "needs a second library"
        strict = pytest.importorskip("array_api_strict", reason=reason)
        return strict.zeros(shape, dtype=getattr(strict, dtype))

    def forward(self, x: Any) -> Array:
        """Call the layers themselves, past the checks of the model."""
        return self.model.layers.forward(self.model.params, self.model.buffers, x, Context())[0]

    def fit(self, labels: Any, images: Any = None) -> object:
        """Fit on labels for four images, NumPy arrays as they are."""
        images = self.zeros(4, 1, 8, 8) if images is None else images
        return self.model.fit((images, labels), epochs=1)

    def saved(self) -> Path:
        """Return a file of the model."""
        path = self.folder / "m.safetensors"
        self.model.save(path)
        return path


class Mistake(NamedTuple):
    """A call that must fail, with what error and in what words.

    {folder} in the text is that of `Given`, {own} the type of the library's arrays, {backend} the
    name of its backend. A pattern is for texts that other libraries have a part in.
    """

    name: str
    call: Callable[[Given], object]
    error: type[XpcnnError]
    text: str | re.Pattern[str]


def after(model: Model) -> dict[str, bytes]:
    """Return the bits of a model's weights, then those that one epoch makes of them."""
    images = numpy.random.default_rng(0).normal(size=(6, 1, 8, 8)).astype(numpy.float32)
    before = _bits(model, "before")
    model.fit((images, numpy.arange(6) % 3), epochs=1, batch_size=4)
    return before | _bits(model, "after") | {"predicted": model.predict_proba(images).tobytes()}


def _bits(model: Model, prefix: str) -> dict[str, bytes]:
    arrays = flatten(model.params, f"{prefix}.") | flatten(model.buffers, f"{prefix}.buffers.")
    return {path: model.backend.to_host(x).tobytes() for path, x in arrays.items()}
