"""What is given where a path is expected, and is none."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import xpcnn
from xpcnn import Model, data, models
from xpcnn.data.pictures import read_picture
from xpcnn.data.reading import Pictures
from xpcnn.errors import ConfigError, DataError
from xpcnn.layers import Dense, Flatten
from xpcnn.training import replay

MODEL = Model([Flatten(), Dense(2)], input_shape=(1, 4, 4))


@pytest.mark.parametrize(
    "use",
    [
        MODEL.save,
        xpcnn.load,
        lambda path: xpcnn.load_weights(MODEL, path),
        data.load,
        data.load_whole,
        models.preset,
        replay,
    ],
)
@pytest.mark.parametrize("path", [b"own.safetensors", None, 3, io.BytesIO()])
def test_what_is_no_path_is_rejected(use: Callable[[Any], object], path: Any) -> None:
    with pytest.raises(ConfigError, match=r" is of type \w+, expected a path\nTry: "):
        use(path)


def test_an_address_is_no_path() -> None:
    advice = "there is no such file or folder\nTry: download it, and unpack an archive"
    with pytest.raises(DataError, match=advice):
        data.load("https://127.0.0.1/photos.zip")
    with pytest.raises(DataError, match="no such file\nTry: download it first"):
        read_picture(Path("https://127.0.0.1/cat.png"), Pictures("RGB", (8, 8)))
