"""`xpcnn parity`: its answers and exit codes; what it compares is in tests/diagnostics."""

import json
from pathlib import Path

from tests.cli.conftest import Cli
from xpcnn import Model
from xpcnn.layers import Dense

BACKENDS = ("--backends", "numpy,array_api_strict")


def test_a_preset_and_a_model_file(cli: Cli, tmp_path: Path) -> None:
    ran = cli("parity", "xor", *BACKENDS)
    assert ran.code == 0
    assert ran.out.startswith("numpy and array_api_strict agree in all ")
    saved = tmp_path / "model.safetensors"
    Model([Dense(2)], input_shape=(3,)).save(saved)
    answer = json.loads(cli("parity", saved, *BACKENDS, "--json").out)
    assert answer["agrees"]
    assert answer["results"][0]["what"] == "output of layers.0 (Dense)"


def test_an_unknown_backend(cli: Cli) -> None:
    ran = cli("parity", "xor", "--backends", "numpy,tensorflow")
    assert (ran.code, ran.out) == (1, "")
    assert "unknown backend 'tensorflow'\nTry: " in ran.err
