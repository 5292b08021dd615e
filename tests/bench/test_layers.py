"""Figures of layers: which there are, and the counts behind them."""

import pytest

from xpcnn.benchmark import layers
from xpcnn.cli.commands.bench import _layer_table


def test_a_row_for_each_layer_and_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "PASSES", 1)
    monkeypatch.setattr(layers, "limits", lambda: (100.0, 10.0))
    rows = layers.measure("tiny", batch=2)
    conv, back = rows[0], rows[1]
    assert (conv["type"], conv["direction"], back["direction"]) == ("Conv2D", "forward", "backward")
    # 4 filters of 3 x 3 over 28 x 28 pixels with padding; a multiply-add is two operations
    products = 2 * 4 * 9 * 28 * 28 * 2
    assert conv["gflops"] == pytest.approx(products / (conv["ms"] / 1e3) / 1e9)
    assert back["gflops"] == pytest.approx(products / (back["ms"] / 1e3) / 1e9)  # dw alone
    assert conv["mbytes"] == pytest.approx(4 * (2 * 28 * 28 + 2 * 4 * 28 * 28 + 4 * 10) / 1e6)
    assert conv["part_of_peak"] == conv["gflops"] / 100
    assert conv["part_of_bandwidth"] == conv["gb_per_second"] / 10
    lines = str(_layer_table(rows)).splitlines()
    assert len(lines) == 1 + len(rows)
    assert lines[1].split()[:4] == ["tiny", "layers.0", "Conv2D", "forward"]
