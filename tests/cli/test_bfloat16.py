"""Commands on a model of bfloat16, which NumPy does not have: its weights are float32."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.small_model import fresh
from xpcnn import load_weights
from xpcnn.cli.model_opening import model_and_training, open_init
from xpcnn.cli.run_record import outcome
from xpcnn.model_loading import load_model


@pytest.fixture
def half(trained: Path) -> Path:
    """Return the folder of a run whose model computes in bfloat16."""
    shutil.copytree(trained, "half")
    config, file = Path("half/config.toml"), Path("half/model.safetensors")
    config.write_text('dtype = "bfloat16"\n' + config.read_text().replace('dtype = "float32"', ""))
    model = load_model(file)
    model.compute_dtype = "bfloat16"
    model.save(file)
    return Path("half")


def test_what_needs_no_arithmetic_in_bfloat16_works(cli: Cli, half: Path, trained: Path) -> None:
    assert cli("summary", half) == cli("summary", trained)
    ran = cli("card", half)
    note = "note: the figures of the classes are computed in float32, not in bfloat16\n"
    assert (ran.code, ran.err) == (0, note)
    assert '"model.safetensors"), backend="torch")' in ran.out
    assert "| dtype | bfloat16 |" in ran.out
    assert 'backend="torch"' not in cli("card", trained).out
    assert model_and_training(str(half))[0].dtype == "float32"  # what `xpcnn parity` compares
    assert outcome(half) is not None  # what `xpcnn resume` tells of a finished run


def test_its_weights_start_another_model(half: Path) -> None:
    assert open_init(str(half), None).dtype == "float32"
    saved = fresh()
    saved.compute_dtype = "bfloat16"
    saved.save("b.safetensors")
    assert len(load_weights(fresh(seed=1), "b.safetensors").taken) == 2


def test_what_computes_names_the_backend_that_can(cli: Cli, half: Path) -> None:
    ran = cli("predict", half, "--rows", "0:2")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "error: backend 'numpy' does not compute in bfloat16\n"
        "Try: backend 'torch' (--backend torch), as the model was saved to compute in it\n"
    )


@pytest.mark.skipif(find_spec("onnx") is None, reason="onnx: not installed")
def test_an_onnx_file_computes_in_float32(cli: Cli, half: Path) -> None:
    ran = cli("export", half, "m.onnx")
    note = "note: the model computes in bfloat16, and the ONNX file in float32\n"
    assert (ran.code, ran.err) == (0, note)
    assert Path("m.onnx").stat().st_size > 1000
