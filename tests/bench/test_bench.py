"""The benchmark: what it counts, that it verifies, what it prints. Not the times."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy
import pytest
from click.testing import CliRunner

from xpcnn.benchmark import QUICK, Bench, Case, Runner, gradients, opened, start_times
from xpcnn.benchmark.growth import Form, Row, exponent, page, remark
from xpcnn.benchmark.process import STEPS, peak_memory
from xpcnn.benchmark.products import products
from xpcnn.benchmark.timing import ratios
from xpcnn.cli.bench import aligned, command, lines
from xpcnn.errors import XpcnnError
from xpcnn.summary import summarize

XOR = Case("xor", 4, "train")


def test_the_operations_of_a_step() -> None:
    """xor: 2 -> 8 -> 2 features; forward and dW of both layers, dx of the second."""
    model, _, _ = opened(XOR)
    assert products(model, 4, "train")[0] == 2 * 4 * (2 * (2 * 8) + 3 * (8 * 2))
    assert products(model, 4, "inference")[0] == 2 * 4 * (2 * 8 + 8 * 2)


def test_a_process_serves_cases_in_turn() -> None:
    with closing(Runner("xpcnn.benchmark")) as runner:
        assert runner.open("xor", 4096, "train", seconds=0) is None
        large = runner.peak()
        assert runner.open(*XOR, seconds=0) is None
        assert runner.steps >= STEPS
        assert 0 < runner.block() < 1
        if sys.platform == "linux":
            assert 10 < runner.peak() < large  # begun anew
    assert runner.process.returncode == 0


def test_the_fastest_form_counts() -> None:
    with closing(Runner("tests.bench.forms", ("never", "fast", "slow"))) as runner:
        assert runner.open(seconds=0) is None
        assert runner.form == "fast"
        assert runner.block() >= 0.002
    with closing(Runner("tests.bench.forms", ("never",))) as runner:
        assert runner.open(seconds=0) == "no way to build it"


def test_a_process_that_ends_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        closing(Runner("tests.bench.forms", ("broken",))) as runner,
        pytest.raises(XpcnnError, match=r"process of tests\.bench\.forms ended without an answer"),
    ):
        runner.open(seconds=0)
    assert "KeyError: 'broken'" in capfd.readouterr().err


def test_peak_memory_is_this_process_s() -> None:
    if sys.platform != "linux":
        pytest.skip("told by Linux alone")
    before = peak_memory()
    size = before + (1 << 24)
    held = numpy.ones(size, numpy.uint8)
    assert peak_memory() >= held.nbytes
    assert before < peak_memory()


def test_without_a_peer_we_are_timed_alone() -> None:
    with closing(Bench(QUICK, None)) as bench:
        result = bench.compare(XOR)
    assert result["model"] == "xor"
    assert result["xpcnn_ms"] > 0
    assert "ratio" not in result


class SlowPeer:
    """A peer whose one side sleeps, and whose other cannot be built."""

    module = "tests.bench.forms"
    sides: Mapping[str, Sequence[str]] = MappingProxyType(
        {"torch": ("slow", "fast"), "compiled": ("never",)}
    )
    first_step = train_digits = ""

    def verify(self, *arguments: object) -> None:
        pass


def test_beside_a_peer() -> None:
    with closing(Bench(QUICK, SlowPeer())) as bench:
        result = bench.compare(XOR)
    assert result["torch_form"] == "fast"
    assert result["torch_ms"] >= 2
    assert 0 < result["ratio_low"] <= result["ratio_high"]
    assert result["compiled_failed"] == "no way to build it"
    head, _, last = lines({"results": [result]})
    assert "compiled" not in head
    assert last == "xor, train: torch.compile failed: no way to build it"


def test_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpcnn.cli.bench.CHECKOUT", Path("/nowhere"))  # as without PyTorch
    ran = CliRunner().invoke(command, ["--quick", "--model", "xor", "--json", "--quiet"])
    assert ran.exit_code == 0, ran.output
    (result,) = json.loads(ran.output)["results"]
    assert (result["model"], result["batch"], result["mode"]) == ("xor", 64, "train")
    ran = CliRunner().invoke(command, ["--quick", "--model", "xor", "--quiet"])
    head, line = ran.output.splitlines()
    assert head.split()[:4] == ["model", "batch", "mode", "ms"]
    assert line.split()[:3] == ["xor", "64", "train"]
    ran = CliRunner().invoke(command, ["--compile"])
    assert ran.exit_code == 2
    assert "--compile needs PyTorch, and a checkout of the repository" in ran.output


def test_columns_are_aligned() -> None:
    assert list(aligned([["a", "long"], ["bbb", "1"]])) == ["  a  long", "bbb     1"]


def test_a_ratio_needs_times_in_turns_close_to_those_alone() -> None:
    def side(alone: float, *times: float) -> Any:
        return SimpleNamespace(alone=[alone], times=list(times))

    found = ratios(side(1.0, 1.0, 1.1, 1.2), side(2.0, 2.0, 2.2, 1.8))
    assert found["ratio"] == pytest.approx(2.0 / 1.1)
    assert (found["ratio_low"], found["ratio_high"]) == (1.8 / 1.2, 2.0)
    assert found["ratio_alone"] == 2.0
    assert ratios(side(1.0, 1.3), side(2.0, 2.0))["ratio"] is None
    assert ratios(side(1.0, 1.0), side(2.0, 1.5))["ratio"] is None


def test_the_network_that_grows() -> None:
    rows = summarize(Form(channels=4, depth=3).model().layers, (3, 32, 32)).rows
    assert [row.type for row in rows] == [*("Conv2D", "ReLU") * 3, "GlobalAvgPool2D", "Dense"]


def test_tables_of_growth() -> None:
    """Four times the work takes four times as long, then twice, after which calls had half."""
    rows = [
        Row(1, 1, 0.001, 0.0005, 0.0004, 10**6, 40.0),
        Row(4, 4, 0.002, 0.0005, 0.0016, 4 * 10**6, 41.0),
        Row(16, 16, 0.008, 0.0005, 0.0064, 16 * 10**6, 44.0),
    ]
    assert [exponent(*pair) for pair in pairwise(rows)] == [0.5, 1.0]
    facts = [row._asdict() for row in rows]
    text = "\n".join(page({"batch": facts, "threads": facts[:2]}))
    assert "| 4 | 0.500 | 0.50 | 25% | 80% | 0% | 2 | 41 | less: calls |" in text
    assert "| 16 | 0.500 | 1.00 | 6% | 80% | 14% | 2 | 44 |  |" in text
    assert "| 4 | 0.500 | 0.50 | 2 | 41 |" in text
    assert text.endswith("40 MiB and 0.25 MiB per image (a line through the last two rows).")


def test_what_is_not_linear() -> None:
    assert remark(1.1, calls=0.5) == ""
    assert remark(0.8, calls=0.5) == "less: calls"
    assert remark(0.8, calls=0.1) == "less: other passes"
    assert remark(1.2, calls=0.5) == "more: caches"


def test_beside_pytorch() -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    from tests.bench.peer import Peer

    with closing(Bench(QUICK, Peer(compiled=False))) as bench:
        result = bench.compare(XOR)
    assert result["torch_form"] in ("contiguous_format", "channels_last")
    assert 0 < result["ratio_low"] <= result["ratio_high"]
    assert result["torch_peak_mb"] > 100


def test_seconds_of_a_start() -> None:
    found = start_times(None, trials=1)
    assert list(found) == ["xpcnn_first_step", "xpcnn_train_digits"]
    assert 0.1 < found["xpcnn_first_step"] < found["xpcnn_train_digits"] < 60


def test_a_wrong_gradient_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    from tests.bench import pytorch

    parts = opened(XOR)
    pytorch.verify(*parts)

    def off(*arguments: Any) -> Any:
        loss, grads = gradients(*arguments)
        return loss, {path: g * 1.0005 for path, g in grads.items()}

    monkeypatch.setattr(pytorch, "gradients", off)
    with pytest.raises(AssertionError, match=r"gradient of layers\.1\.weight: off by 0\.0005"):
        pytorch.verify(*parts)
