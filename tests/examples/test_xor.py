"""The picture of a decision: right way up, and the network's own."""

import runpy
import sys
from pathlib import Path

import numpy
import pytest

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "xor.py")


class Rising:
    """A model whose probability of class 1 rises with the first number, less with the second."""

    def predict_proba(self, samples: numpy.ndarray) -> numpy.ndarray:
        p = 0.02 + (samples[:, 0] + 0.5) / 2.5 + (samples[:, 1] + 0.5) / 10
        return numpy.stack([1 - p, p], axis=1)


def test_a_picture_by_hand() -> None:
    picture = runpy.run_path(EXAMPLE)["picture"]
    assert picture(Rising(), rows=5, columns=9).split("\n") == [
        ":-=+*#%@@",
        ".:1=+*0%@",
        ".:-=+*#%@",
        " .0-=+1#%",
        " .:-=+*#%",
    ]


def test_it_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [EXAMPLE])
    runpy.run_path(EXAMPLE, run_name="__main__")
    *lines, last = capsys.readouterr().out.splitlines()
    assert last == "points classified correctly: 4 of 4"
    assert len(lines) == 21
    points = {(i, j): c for i, line in enumerate(lines) for j, c in enumerate(line) if c in "01"}
    assert points == {(5, 11): "1", (5, 33): "0", (15, 11): "0", (15, 33): "1"}
    for (i, j), label in points.items():
        assert lines[i][j - 1] + lines[i][j + 1] == {"0": "  ", "1": "@@"}[label]


def test_a_drawing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    runpy.run_path(EXAMPLE)["plot"](Rising(), str(tmp_path / "xor.png"))
    assert (tmp_path / "xor.png").read_bytes().startswith(b"\x89PNG")
