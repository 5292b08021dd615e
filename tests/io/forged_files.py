"""Model files as people who know the format could write them: other content, right checksums."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
from safetensors import safe_open
from safetensors.numpy import load_file, save

from xpcnn.io.tensor_file import CHECKSUM, KEY, checksum


def forge(
    path: Path,
    change: Callable[[dict[str, Any]], object],
    tensors: Mapping[str, numpy.ndarray] | None = None,
) -> Path:
    """Write a file again with changed metadata, perhaps other tensors, and their checksum."""
    with safe_open(path, framework="numpy") as file:
        metadata = json.loads(file.metadata()[KEY])
    arrays = dict(load_file(path) if tensors is None else tensors)
    del metadata[CHECKSUM]
    change(metadata)
    with suppress(ValueError):  # NaN and infinity, which have none
        metadata[CHECKSUM] = checksum(metadata, arrays)
    path.write_bytes(save(arrays, {KEY: json.dumps(metadata)}))
    return path
