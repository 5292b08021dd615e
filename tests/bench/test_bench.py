"""The benchmark: what it counts, that it verifies, what it prints. Not the times."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from click.testing import CliRunner

from xpcnn.benchmark import Case, compare, gradients, opened
from xpcnn.benchmark.growth import network
from xpcnn.benchmark.products import products
from xpcnn.benchmark.timing import Runner, peak_memory
from xpcnn.cli.bench import aligned, command

XOR = Case("xor", 4, "train")


def test_the_operations_of_a_step() -> None:
    """xor: 2 -> 8 -> 2 features; forward and dW of both layers, dx of the second."""
    model, _, _ = opened(XOR)
    assert products(model, XOR)[0] == 2 * 4 * (2 * (2 * 8) + 3 * (8 * 2))
    assert products(model, XOR._replace(mode="inference"))[0] == 2 * 4 * (2 * 8 + 8 * 2)


def test_a_process_times_blocks_and_tells_its_peak() -> None:
    runner = Runner("xpcnn.benchmark", *XOR)
    assert 0 < runner.block() < 1
    assert 10 < runner.end() < 1000
    assert runner.process.returncode == 0


def test_peak_memory_is_this_process_s() -> None:
    if sys.platform != "linux":
        pytest.skip("told by Linux alone")
    before = peak_memory()
    size = before + (1 << 24)
    held = numpy.ones(size, numpy.uint8)
    assert peak_memory() >= held.nbytes
    assert before < peak_memory()


def test_without_a_peer_we_are_timed_alone() -> None:
    result = compare(XOR, 2, None)
    assert result["model"] == "xor"
    assert result["xpcnn_ms"] > 0
    assert "torch_ms" not in result


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


def test_columns_are_aligned() -> None:
    assert list(aligned([["a", "long"], ["bbb", "1"]])) == ["  a  long", "bbb     1"]


def test_the_network_that_grows() -> None:
    assert len(network(channels=4, depth=3)) == 2 * 3 + 2


def test_beside_pytorch() -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    from tests.bench.peer import Peer

    result = compare(XOR, 1, Peer(compiled=False))
    assert result["torch_form"] in ("contiguous_format", "channels_last")
    assert result["ratio_low"] == result["ratio_high"] > 0
    assert result["torch_peak_mb"] > 100


def test_a_wrong_gradient_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    from tests.bench import peer

    parts = opened(XOR)
    peer.Peer(compiled=False).verify(*parts)

    def off(*arguments: Any) -> Any:
        loss, grads = gradients(*arguments)
        return loss, {path: g * 1.0005 for path, g in grads.items()}

    monkeypatch.setattr(peer, "gradients", off)
    with pytest.raises(AssertionError, match=r"gradient of layers\.1\.weight: off by 0\.0005"):
        peer.Peer(compiled=False).verify(*parts)
