"""What a GPU is to reach is measured, and told beside it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.gpu import __main__ as gpu_check
from tests.gpu import accuracy, half, peak, targets, timing


def test_targets_beside_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def section(**facts: Any) -> dict[str, Any]:
        return {"facts": facts}

    files = [tmp_path / "timing.json", tmp_path / "rest.json"]
    ratios = ({"times as fast as PyTorch": ratio} for ratio in (2.5, 3.5))
    timings = [section(**{"tiny, batch 128": ratio}) for ratio in ratios]
    processes = {"mnist to 99.0%, warm cache": {"seconds of the process": 6.0}}
    for file, sections in zip(
        files,
        (
            {"timing, kernels 1": timings[0], "timing, kernels graph": timings[1]},
            {"accuracy": section(**processes), "half": section(**{targets.TARGETS[12].fact: None})},
        ),
        strict=True,
    ):
        file.write_text(json.dumps({"sections": sections}), encoding="utf-8")
    targets.main([*map(str, files)])
    _, *lines = capsys.readouterr().out.splitlines()
    told = [re.split("  +", line) for line in lines]
    assert len(told) == len(targets.TARGETS)
    assert told[0][1:] == ["times as fast as PyTorch", "3.5 (graph)", "3", "8", "reached"]
    measured = {row[0]: row[2:] for row in told if row[-1] != "not measured"}
    assert len(measured) == 2
    assert measured["accuracy: mnist to 99.0%, warm cache"] == ["6 (0)", "5", "2", "missed"]
    assert {target.section for target in targets.TARGETS} < set(gpu_check.MEASURES)


def test_what_has_targets_is_measured() -> None:
    facts = {
        "timing": {f"{name}, batch {size}" for name, size in timing.plan(quick=False)},
        "half": {f"{name}, batch {size}, float16" for name, size in half.JOBS},
        "accuracy": {f"{n} to {job['target']:.1%}, warm cache" for n, job in accuracy.JOBS.items()},
        "peak": {f"{name}, batch {size}" for name, size in peak.JOBS},
        "airbench": {"float32", "float16"},
    }
    assert [t for t in targets.TARGETS if t.fact not in facts[t.section]] == []
