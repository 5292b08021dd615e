"""`xpcnn summary`: of a preset, a file and a run."""

import os
from pathlib import Path

from tests.cli.conftest import Cli, answer
from xpcnn.model_loading import load_model


def test_summary_of_a_preset_a_file_and_a_run(cli: Cli, trained: Path) -> None:
    preset = answer(cli, "summary", "digits")
    assert preset == answer(cli, "summary", trained)
    assert preset == answer(cli, "summary", trained / "model.toml")
    assert preset == answer(cli, "summary", trained / "model.safetensors")
    model = load_model(trained / "model.safetensors")
    assert preset["parameters"] == model.summary().parameters
    assert cli("summary", trained) == (0, f"{model.summary()}\n", "")


def test_summary_of_another_batch_and_shape(cli: Cli) -> None:
    small, double = (answer(cli, "summary", "tiny", "--batch-size", n) for n in ("1", "2"))
    assert double["activation_bytes"] == 2 * small["activation_bytes"]
    larger = answer(cli, "summary", "tiny", "--input-shape", "3,32,32")
    assert larger["rows"][0]["input_shape"] == [3, 32, 32]
    assert larger["parameters"] > small["parameters"]


def test_a_preset_goes_before_a_folder_of_that_name(cli: Cli) -> None:
    Path("tiny").mkdir()
    assert cli("summary", "tiny").code == 0
    assert "tiny is not a run folder" in cli("summary", f".{os.sep}tiny{os.sep}").err


def test_summary_of_what_is_not_there(cli: Cli) -> None:
    ran = cli("summary", "smal")
    assert ran.code == 1
    assert ran.err.startswith("error: unknown model 'smal'\nTry: 'small' (valid: ")
    assert cli("summary", "no.safetensors").err.startswith("error: no.safetensors: there is no ")
    assert cli("summary", "no.toml").err.startswith("error: no.toml cannot be read: ")
