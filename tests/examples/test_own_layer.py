"""The example of a new layer runs as written; its gradients are right on every library."""

import runpy
import sys
from pathlib import Path

import numpy
import pytest

from tests.lib import Lib
from xpcnn.testing import check_gradients
from xpcnn.training import Epoch, History

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_layer.py"


def test_it_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    right, accuracy, steepness = capsys.readouterr().out.splitlines()
    assert right == "gradients: right"
    assert float(accuracy.rpartition(" ")[2]) > 0.9
    assert steepness.count(",") == 8


def test_its_layer_runs_on_every_library(lib: Lib) -> None:
    swish = runpy.run_path(str(EXAMPLE))["Swish"]
    check_gradients(swish(0.5), (3, 4, 5), backend=lib.backend)


def test_it_draws_its_curves(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    epochs = [Epoch(i, 1 / i, 0.5, 2 / i, 0.5, 0.1, 1.0, 1.0, i) for i in (1, 2)]
    file = str(tmp_path / "curves.png")
    runpy.run_path(str(EXAMPLE))["plot"](History(epochs), numpy.array([0.5, 2.0]), file)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
