"""Benchmarks that start several processes: what they count, not the times."""

import pytest

from tests.bench.engines import HEAD, rows
from xpcnn.benchmark import start_times
from xpcnn.benchmark.timing import Effort


def test_seconds_of_a_start() -> None:
    found = start_times(None, repeats=1)
    assert list(found) == ["xpcnn_first_step", "xpcnn_train_digits"]
    assert min(found.values()) > 0


def test_a_row_beside_onnx_runtime() -> None:
    pytest.importorskip("onnxruntime")
    (row,) = rows(["xor"], [8], Effort(0, 1, 0))
    assert len(row) == len(HEAD)
    assert row[:2] == ("`xor`", "8")
    assert all(float(cell.split()[0]) > 0 for cell in row[2:])
