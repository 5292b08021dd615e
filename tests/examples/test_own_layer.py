"""The example of a layer of one's own runs as written, and its layer is right everywhere."""

import runpy
from pathlib import Path

import pytest

from tests.lib import Lib
from xpcnn.testing import check_gradients

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_layer.py"


def test_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    right, accuracy, steepness = capsys.readouterr().out.splitlines()
    assert right == "gradients: right"
    assert float(accuracy.rpartition(" ")[2]) > 0.9
    assert steepness.count(",") == 8


def test_its_layer_runs_on_every_library(lib: Lib) -> None:
    swish = runpy.run_path(str(EXAMPLE))["Swish"]
    check_gradients(swish(0.5), (3, 4, 5), backend=lib.backend)
