"""What a run prints when it has ended."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xpcnn.cli.run_messages import closing


@pytest.mark.parametrize(
    ("dtype", "backend", "on"),
    [
        ("float32", "torch", ""),
        ("float16", "torch", ""),
        ("bfloat16", "torch", " --backend torch"),  # NumPy, their default, has no bfloat16
    ],
)
def test_the_commands_that_follow_a_run_can_run(dtype: str, backend: str, on: str) -> None:
    network = SimpleNamespace(compute_dtype=dtype, backend=SimpleNamespace(name=backend))
    flags = SimpleNamespace(dataset="digits", data_dir=None, tensorboard=False, report=False)
    plan: Any = SimpleNamespace(flags=flags, test=[0], model=SimpleNamespace(network=network))
    lines = closing(Path("runs/a"), {"loss": 1.0}, plan, 0.1)
    assert lines[-2:] == [
        f"report: xpcnn report runs/a{on}",
        f"next: xpcnn predict runs/a --rows 0:10{on}",
    ]
