"""The network by hand is short, learns the digits and draws its loss."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "by_hand.py"
PNG = b"\x89PNG"


def test_it_learns_the_digits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [EXAMPLE.name])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    *_, last = capsys.readouterr().out.splitlines()
    assert float(last.rpartition(" ")[2]) >= 0.96


def test_it_draws_its_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    few = "range(1, 16)"
    code = EXAMPLE.read_text(encoding="utf-8")
    assert code.count(few) == 1
    monkeypatch.setattr(sys, "argv", [EXAMPLE.name, "--plot", str(tmp_path / "loss.png")])
    exec(compile(code.replace(few, "range(1, 2)"), EXAMPLE.name, "exec"), {})
    assert (tmp_path / "loss.png").read_bytes().startswith(PNG)


def test_it_is_short() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 60
