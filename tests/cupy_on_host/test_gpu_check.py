"""The parts of the GPU check; `tests/long` rehearses it whole. No GPU is needed or used."""

import itertools
import os
import re
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.cuda_on_host import arrays
from tests.cuda_on_host.opened_cudnn import Opened, put_stand_ins
from tests.fake_cupy import RawKernel
from tests.gpu import __main__ as gpu_check
from tests.gpu import accuracy, every_kernel, sanitizers, sides, timing, training
from tests.gpu.networks import model_of
from tests.gpu.report import section_lines
from tests.gpu.section import ROOT, Finding, Options, Outcome, Skipped, run
from xpcnn import backend
from xpcnn.backend import Backend
from xpcnn.models import preset
from xpcnn.training.divergence_check import DivergenceCheck


def options(**changes: Any) -> Options:
    return replace(Options("numpy", None, quick=True, seconds=3600.0), **changes)


@pytest.mark.skipif(backend.problem("cupy") is None, reason="there is a GPU")
def test_without_a_gpu_it_says_why() -> None:
    script = ROOT / "tests" / "gpu_check.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    cause, remedy = done.stderr.splitlines()
    causes = ("not installed", "no driver", "no device", "broken libraries")
    assert cause.startswith(tuple(f"cupy cannot be used here: {c}" for c in causes))
    assert remedy.startswith("Try: ")


def test_a_section_that_breaks_or_hangs_ends_alone() -> None:
    broken = run("no_such_section", options())
    assert broken.status == "failed"
    assert "No module named 'tests.gpu.no_such_section'" in broken.problems[0]
    slow = run("suite", options(seconds=-9.99))  # less than Python needs to start
    assert slow.status == "failed"
    assert slow.problems == ["stopped: it took longer than 0 s"]


def test_an_error_of_one_preset_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = training.losses

    def broken(found: Any, host: Backend, dtype: str, *rest: Any, **named: Any) -> Any:
        if dtype == "float64":
            raise RuntimeError("no such kernel")
        return honest(found, host, dtype, *rest, **named)

    monkeypatch.setattr(training, "losses", broken)
    found = list(training.findings(options()))
    assert [f.problem is None for f in found] == [True, False, True, True]
    assert (found[1].problem or "").endswith("RuntimeError: no such kernel")


@pytest.mark.parametrize(
    ("status", "name", "ok"),
    [
        ("passed", "bits", True),
        ("failed", "bits", False),
        ("skipped", "bits", False),
        ("failed", "timing", False),
        ("skipped", "timing", True),
        ("skipped", "bits, kernels 1", False),
        ("skipped", "timing, kernels graph", True),
    ],
)
def test_what_counts_as_passed(status: str, name: str, ok: bool) -> None:
    assert gpu_check.passed({"files": Outcome(), name: Outcome(status)}) is ok


def test_every_section_runs_with_each_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def noted(name: str, options: Options, environ: dict[str, str]) -> Outcome:
        ran.append((name, environ["XPCNN_CUDA_KERNELS"]))
        return Outcome()

    ran: list[tuple[str, str]] = []
    monkeypatch.setattr(gpu_check, "run", noted)
    given = gpu_check.parse(["--backend", "cupy", "--only", "bits", "timing"])
    labels = [label for label, _ in gpu_check.ended(given, time.monotonic())]
    settings = ["", *(f", kernels {of}" for of in given.kernels[1:])]
    assert labels == [name + setting for name in ("bits", "timing") for setting in settings]
    assert ran == [(name, of) for name in ("bits", "timing") for of in given.kernels]
    for version, cudnn in ((None, []), ("9.28.1", ["cudnn", "cudnn-graph"])):
        monkeypatch.setattr(gpu_check, "version", lambda package, version=version: version)
        assert gpu_check.parse([]).kernels == ["0", "1", "all", "graph", *cudnn]
    given = gpu_check.parse(["--only", "sanitizers", "bits", "--kernels", "0", "graph"])
    labels = [label for label, _ in gpu_check.ended(given, time.monotonic())]
    assert labels == ["bits", "bits, kernels graph", "sanitizers, kernels graph"]
    given.backend, given.only = "torch", ["bits"]
    assert [label for label, _ in gpu_check.ended(given, time.monotonic())] == ["bits"]


def test_sanitizers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rehearsed with a stand-in, which runs what it is given without errors, or only says two."""
    program = tmp_path / "compute-sanitizer"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    for errors in (0, 2):
        run = "true" if errors else '"$@"'
        text = f'#!/bin/sh\nshift 2\n{run} && echo "========= ERROR SUMMARY: {errors} errors"\n'
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
        found = list(sanitizers.findings(options()))
        assert [one.name for one in found] == ["memcheck", "racecheck", "initcheck"]
        assert {one.value for one in found} == {f"========= ERROR SUMMARY: {errors} errors"}
        assert [one.problem is None for one in found] == [errors == 0] * 3


def test_every_kernel_is_launched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With graphs. Nothing is computed here, and new memory is zero."""

    def zeros(shape: Any, dtype: Any) -> Any:
        return numpy.zeros(shape, dtype).view(arrays.ndarray)

    seen: set[str] = set()
    monkeypatch.setattr(RawKernel, "_run", lambda self, *_: seen.add(self.name))
    monkeypatch.setattr(DivergenceCheck, "require_finite", lambda *_: None)
    monkeypatch.setattr(arrays, "empty", zeros)
    put_stand_ins(monkeypatch, tmp_path)
    opened = Opened("graph").backend
    every_kernel.launch(opened, [])
    sources = (ROOT / "backends" / "kernels").glob("*.cu")
    texts = [source.read_text(encoding="utf-8") for source in sources]
    names = {name for text in texts for name in re.findall(r"__global__ void (\w+)\(", text)}
    assert names - seen == set()
    assert "philox_uniform" in names


def test_accuracy_needs_data() -> None:
    with pytest.raises(Skipped, match="--data says where the data sets are"):
        list(accuracy.findings(options(quick=False)))


def test_pytorch_by_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rehearsed on a CPU, with a capture that runs what it captures once."""
    torch = pytest.importorskip("torch")

    class Stream:
        def __init__(self, device: Any = None) -> None:
            pass

        def wait_stream(self, other: Any) -> None:
            pass

    class Graph:
        def replay(self) -> None:
            replays.append(1)

    replays: list[int] = []
    for name, stand_in in (
        *(("Stream", Stream), ("current_stream", Stream), ("CUDAGraph", Graph)),
        *(("stream", nullcontext), ("graph", nullcontext)),
    ):
        monkeypatch.setattr(torch.cuda, name, stand_in)
    found, host = preset("digits"), backend.load("numpy")
    batches = sides.batches_of(found, 16, 2)
    eager, captured = (
        side(model_of(found, host), batches, "cpu", "channels_last")
        for side in (sides.Theirs, sides.Captured)
    )
    eager.batches = itertools.cycle([next(eager.batches)])
    torch.manual_seed(0)
    for _ in range(sides.EAGER_STEPS + 1):
        eager.step()
    torch.manual_seed(0)
    captured.step()
    captured.step()
    assert eager.loss_sum() == captured.loss_sum() > 0
    assert len(replays) == 2


def test_time_that_is_used_up_leaves_sections_out_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert gpu_check.main(["--backend", "numpy", "--seconds", "1", "--only", "bits"]) == 1
    assert "bits: skipped: the time was used up" in capsys.readouterr().out
    left_out = list(timing.findings(options(seconds=0.0)))[1:]
    assert left_out == [Finding("digits, batch 4", {"left out": "the time was used up"})]


def test_the_lines_of_a_section() -> None:
    fact = {
        "preset": "tiny",
        "batch": 128,
        "ms": {
            "xpcnn": 0.5,
            "contiguous_format": 1.25,
            "channels_last": 1.0,
            "channels_last, CUDA graph": 0.25,
        },
        "images per second": 256000.0,
        "times as fast as PyTorch": 2.0,
        "times as fast as its graphs": 0.5,
    }
    outcome = Outcome("failed", 1.5, {"tiny, batch 128": fact}, ["small: a problem"])
    assert list(section_lines("timing", outcome)) == [
        "\ntiming: failed (1.5 s)",
        "  ! small: a problem",
        "  preset  batch  ms   PyTorch  channels-last  its graphs  images/s  times as fast"
        "  as its graphs",
        "  tiny    128    0.5  1.25     1              0.25        256000    2              0.5",
    ]
