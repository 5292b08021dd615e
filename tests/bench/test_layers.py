"""Figures of layers: which there are, and the counts behind them."""

import pytest

from xpcnn.benchmark import layers
from xpcnn.cli.commands.bench import _layer_table


def test_a_row_for_each_layer_and_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "PASSES", 1)
    monkeypatch.setattr(layers, "limits", lambda: layers.Limits(100.0, 10.0))
    reached, rows = layers.measure("tiny", batch=2)
    assert reached == (100.0, 10.0)
    conv, back = rows[0], rows[1]
    assert (conv["type"], conv["direction"], back["direction"]) == ("Conv2D", "forward", "backward")
    # 4 filters of 3 x 3 over 28 x 28 pixels with padding; a multiply-add is two operations
    products = 2 * 4 * 9 * 28 * 28 * 2
    assert conv["gflops"] == pytest.approx(products / (conv["ms"] / 1e3) / 1e9)
    assert back["gflops"] == pytest.approx(products / (back["ms"] / 1e3) / 1e9)  # dw alone
    assert conv["mbytes"] == pytest.approx(4 * (2 * 28 * 28 + 2 * 4 * 28 * 28 + 4 * 10) / 1e6)
    assert back["mbytes"] == conv["mbytes"]  # x, dy and dw: nothing before it needs dx
    last, last_back = rows[-2:]  # Dense(10), of 128 features
    assert last["mbytes"] == pytest.approx(4 * (2 * 128 + 2 * 10 + 1290) / 1e6)
    assert last_back["mbytes"] == pytest.approx(4 * (4 * 128 + 2 * 10 + 2 * 1290) / 1e6)
    assert conv["part_of_peak"] == conv["gflops"] / 100
    assert conv["part_of_bandwidth"] == conv["gb_per_second"] / 10
    lines = str(_layer_table(rows)).splitlines()
    assert len(lines) == 1 + len(rows)
    assert lines[1].split()[:2] == ["0", "forward"]
    assert lines[2].split()[:2] == ["Conv2D", "backward"]
    assert lines[1].split()[3] == "-"  # without PyTorch


def test_layers_of_pytorch() -> None:
    pytest.importorskip("torch")
    from xpcnn.benchmark.pytorch.layers import layer_seconds

    found = layer_seconds("tiny", 2)
    rows = layers.measure("tiny", batch=2)[1]
    assert {path for path, of in found.items() if of["backward"] < float("inf")} == {
        row["layer"] for row in rows if row["direction"] == "backward"
    }
