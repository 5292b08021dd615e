"""What the sections of the GPU check find: planted errors are seen, on NumPy."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.cupy_on_host.test_gpu_check import options
from tests.gpu import bits, files, memory, suite, training
from tests.gpu.networks import images, model_of, presets, with_leaves
from tests.gpu.section import ROOT
from tests.gpu.steady import unsteady
from tests.gpu.suite import Ended, differences
from xpcnn import backend, layers, random
from xpcnn.backend import Backend
from xpcnn.layers import Context, Layer
from xpcnn.models import preset
from xpcnn.types import Array, Params


def problems(found: Any) -> list[str]:
    return [f.problem for f in found if f.problem is not None]


def test_wrong_bits_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def uniform(self: Backend, key: int, step: Any, shape: Any) -> Any:
        drawn = random.uniform(key, int(step) % 2**63, shape)
        return drawn if drawn.size < 2048 else numpy.roll(drawn, 1)

    assert not problems(bits.findings(options()))
    monkeypatch.setattr(Backend, "uniform", uniform)
    found = problems(bits.findings(options()))
    assert found[0].startswith("96 of 352 differ: seed 0, dropout/layers.3, step 0, shape (2048,)")
    assert len(found) == 3  # uniforms, steps from the device, dropout


def test_wrong_losses_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = training.losses

    def wrong(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        values, arrays = honest(*arguments, **named)
        return [value * (1 + 2e-4 * (len(calls) % 2)) for value in values], arrays

    calls: list[int] = []
    monkeypatch.setattr(training, "losses", wrong)
    found = problems(training.findings(options()))
    assert found == [
        "losses differ by 0.0002 of NumPy's, more than 0.0001",
        "losses differ by 0.0002 of NumPy's, more than 1e-09",
    ]


def test_bits_that_change_are_named() -> None:
    """A bias gradient that is summed in another order every time, as with atomics."""
    rng = numpy.random.default_rng(0)

    class Unsteady(layers.Dense):
        def forward(self, params: Params, buffers: Params, x: Array, ctx: Context) -> Any:
            y, after, back = super().forward(params, buffers, x, ctx)

            def pullback(dy: Array, want_dx: bool = True) -> Any:
                dx, grads = back(dy, want_dx)
                sums = [rng.permutation(dy[:, j])[:, None] for j in range(dy.shape[1])]
                shuffled = numpy.concatenate(sums, axis=1)
                return dx, grads | {"bias": numpy.cumsum(shuffled, axis=0)[-1]}

            return y, after, pullback

    def change(layer: Layer) -> Layer:
        return Unsteady(layer.units) if isinstance(layer, layers.Dense) else layer

    found = preset("digits")
    host = backend.load("numpy")
    assert unsteady(found, host, 128) == []
    changed = replace(found, layers=with_leaves(found.layers, change))
    assert unsteady(changed, host, 128) == ["layers.9 Unsteady: gradient bias"]
    first, second = (training.losses(changed, host, "float32")[1] for _ in range(2))
    assert "layers.9.bias" in training.different(first, second)


def test_a_model_that_changes_on_the_way_is_seen() -> None:
    found, host = preset("digits"), backend.load("numpy")
    samples = images(found.input_shape, found.classes, 20)
    model, other = (model_of(found, host, seed=seed) for seed in (0, 1))
    assert files.compared("same", model, model.to("numpy"), samples).problem is None
    problem = files.compared("other", model, other, samples).problem
    assert problem is not None
    assert problem.startswith("other arrays: ['layers.0.weight', ")
    assert "decisions differ" in problem


def test_an_error_that_does_not_speak_of_memory_is_unclear() -> None:
    assert memory.unclear(None) == "no error"
    assert memory.unclear("RuntimeError: CUBLAS_STATUS_ALLOC_FAILED") is not None
    assert memory.unclear("OutOfMemoryError: Out of memory allocating 8 bytes") is None


def outcomes(tmp_path: Path, **tests: str) -> Ended:
    lines = [{"selected": 3}, *({"test": t, "outcome": o, "text": t} for t, o in tests.items())]
    file = tmp_path / "outcomes"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return Ended.read(file)


def test_tests_that_do_not_end_alike_are_named(tmp_path: Path) -> None:
    ours = outcomes(tmp_path, a="passed", b="failed", c="skipped")
    baseline = outcomes(tmp_path, a="passed", b="passed", d="passed")
    assert ours.problem() == "of 3 tests 1 failed, 0 did not run"
    assert ours.facts()["failures"] == {"b": "b"}
    assert baseline.problem() is None
    assert outcomes(tmp_path, a="passed").problem() == "of 3 tests 0 failed, 2 did not run"
    assert differences(ours, baseline) == [
        "b: failed, not passed",
        "d: absent, not passed",
    ]
    missing = [test for test in suite.TESTS if not (ROOT / test).exists()]
    assert not missing


def test_images_fill_the_shape() -> None:
    for found in presets():
        data = images(found.input_shape, found.classes, 12)
        assert data.images.shape == (12, *found.input_shape)
        assert set(data.labels.tolist()) <= set(range(found.classes))
