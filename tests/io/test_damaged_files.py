"""Damaged model files and checkpoints: each is rejected, or holds what was written."""

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save

from tests.fuzz.mutations import mutant
from xpcnn import Model
from xpcnn.errors import CheckpointError
from xpcnn.io import tensor_file
from xpcnn.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, ReLU
from xpcnn.model_loading import load_model
from xpcnn.training import Checkpoints
from xpcnn.training.checkpoint_metadata import metadata
from xpcnn.training.history import History
from xpcnn.types import flatten

MUTANTS = 300


def everything(model: Model) -> dict[str, Any]:
    """Return all that a model file holds."""
    arrays = flatten(model.params) | flatten(model.buffers, "buffers.")
    fields = ("layers", "input_shape", "loss", "dtype", "seed", "classes", "mean", "std")
    told = {name: getattr(model, name) for name in (*fields, "reading", "provenance")}
    return {name: numpy.asarray(x).tobytes() for name, x in arrays.items()} | told


def test_a_damaged_model_file_never_loads_as_another_model(tmp_path: Path) -> None:
    layers: list[Layer] = [Conv2D(2, 3), BatchNorm(), ReLU(), Flatten(), Dense(2)]
    model = Model(layers, input_shape=(1, 5, 5), classes=("a", "b"))
    model.mean, model.std, model.provenance = (0.25,), (2.0,), {"data": "digits"}
    path = tmp_path / "m.safetensors"
    model.save(path)
    content, written = path.read_bytes(), everything(load_model(path))
    rejected = 0
    for seed in range(MUTANTS):
        path.write_bytes(mutant(content, Random(seed)))
        try:
            assert everything(load_model(path)) == written, f"seed {seed}"
        except CheckpointError:
            rejected += 1
    assert rejected > 0.9 * MUTANTS


def test_a_damaged_checkpoint_is_never_resumed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    model = Model([Dense(2)], input_shape=(4,))
    numbers = {name: numpy.asarray(x) for name, x in flatten(model.params).items()}
    run, expected = {"seed": "0", "epochs": "2"}, tensor_file.specs(numbers)
    table = metadata(run, 3, 1.5, History(notes=["a note"]), {"backend": "numpy"}, False)
    path = checkpoints.write(3, numbers, table)
    content = path.read_bytes()
    written = repr(checkpoints.read(run, expected))
    rejected = 0
    for seed in range(MUTANTS):
        path.write_bytes(mutant(content, Random(seed)))
        try:
            assert repr(checkpoints.read(run, expected)) == written, f"seed {seed}"
        except CheckpointError:
            rejected += 1
    assert rejected > 0.9 * MUTANTS


def test_a_file_of_format_1_is_read_without_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = Model([Dense(2)], input_shape=(4,), classes=("a", "b"))
    model.save(path)
    with safe_open(path, framework="numpy") as file:
        table = json.loads(file.metadata()["xpcnn"])
    del table["sha256"]
    path.write_bytes(save(load_file(path), {"xpcnn": json.dumps(table | {"format": 1})}))
    assert everything(load_model(path)) == everything(model)
    path.write_bytes(save(load_file(path), {"xpcnn": json.dumps(table)}))
    with pytest.raises(CheckpointError, match="is damaged: the metadata has no checksum 'sha256'"):
        load_model(path)
