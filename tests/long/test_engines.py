"""The benchmark beside ONNX Runtime: both sides compute the same, and its table."""

import pytest

from tests.bench import engine_sides
from tests.bench.engine_sides import compare

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_both_sides_agree() -> None:
    for name in ("xor", "lenet5", "sigmoid-binary"):
        compare(name, 3)


def test_a_network_that_differs_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = engine_sides.Runtime.scores
    monkeypatch.setattr(engine_sides.Runtime, "scores", lambda self: 1.001 * honest(self))
    with pytest.raises(AssertionError, match="xor: a score is off by"):
        compare("xor", 3)
