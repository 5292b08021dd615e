"""The benchmark: what it counts, that it verifies, what it prints. Not the times."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy
import pytest
from click.testing import CliRunner

from xpcnn import backend
from xpcnn.benchmark import (
    Bench,
    Case,
    Peer,
    Runner,
    opened,
    pytorch_peer,
)
from xpcnn.benchmark.growth import Form, Row, exponent, page, remark
from xpcnn.benchmark.process import STEPS, peak_memory, python, search_path
from xpcnn.benchmark.products import im2col_products
from xpcnn.benchmark.timing import Effort
from xpcnn.cli.benchmark_table import ResultTable
from xpcnn.cli.command_group import cli
from xpcnn.cli.commands.bench import command
from xpcnn.errors import BackendError, XpcnnError
from xpcnn.summary import summarize

XOR = Case("xor", 4, "train")
BRIEF = Effort(alone=0, pairs=5, seconds=0)


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpcnn.benchmark.process.SECONDS", 0.005)


def test_the_operations_of_a_step() -> None:
    """xor: 2 -> 8 -> 2 features; forward and dW of both layers, dx of the second."""
    model, _, _ = opened(XOR)
    assert im2col_products(model, 4, "train")[0] == 2 * 4 * (2 * (2 * 8) + 3 * (8 * 2))
    assert im2col_products(model, 4, "inference")[0] == 2 * 4 * (2 * 8 + 8 * 2)


def test_a_process_serves_cases_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any folder, whatever modules lie there."""
    (tmp_path / "random.py").write_text("raise SystemExit('not the module of Python')")
    monkeypatch.chdir(tmp_path)
    with closing(Runner("xpcnn.benchmark")) as runner:
        runner.open("xor", 1 << 17, "train", seconds=0)
        large = runner.peak()
        runner.open(*XOR, seconds=0)
        assert runner.steps >= STEPS
        assert runner.block().seconds > 0
        if sys.platform == "linux":
            assert 10 < runner.peak() < large  # begun anew
    assert runner.process.returncode == 0


def test_the_fastest_form_counts() -> None:
    with closing(Runner("tests.bench.forms", ("never", "fast", "slow"))) as runner:
        runner.open(seconds=0)
        assert runner.form == "fast"
        assert runner.block().seconds == pytest.approx(0.002)
    with (
        closing(Runner("tests.bench.forms", ("never",))) as runner,
        pytest.raises(BackendError, match="no way to build it\nTry: another form"),
    ):
        runner.open(seconds=0)


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
    held = numpy.ones(1 << 28, numpy.uint8)
    assert peak_memory() >= held.nbytes
    code = (
        "import numpy\n"
        "from xpcnn.benchmark.process import peak_memory\n"
        "before = peak_memory()\n"
        "held = numpy.ones(1 << 26, numpy.uint8)\n"
        "print(before, peak_memory())"
    )
    told = subprocess.run(python("-c", code), env=search_path(), capture_output=True, check=True)
    before, after = map(int, told.stdout.split())
    assert before < held.nbytes  # its parent's memory does not count
    assert after - before > 1 << 25


def peer(verify: Callable[..., None], **sides: Sequence[str]) -> Peer:
    """Return a peer whose sides are those of `forms.py`."""
    return Peer("tests.bench.forms", sides, Path(), Path(), "", verify)


def test_beside_a_peer() -> None:
    """One side of the peer has two forms, the other cannot be built."""
    forms = peer(lambda *case: None, torch=("slow", "fast"), compiled=("never",))
    with closing(Bench(BRIEF, forms)) as bench:
        result = bench.compare(XOR)
    assert result["torch_form"] == "fast"
    assert result["torch_ms"] == pytest.approx(2)
    assert 0 < result["ratio_low"] <= result["ratio"] <= result["ratio_high"]
    assert result["pairs"] >= 5
    assert result["compiled_failed"] == "no way to build it\nTry: another form"
    table = ResultTable(["xor"], ["torch"])
    assert "compiled" not in table.head
    *_, last = table.lines(result)
    assert last == "xor, train: no torch.compile: no way to build it. Try: another form"


def test_a_network_that_the_peer_cannot_build_is_timed_alone() -> None:
    def refuse(*case: object) -> None:
        raise BackendError("PyTorch has no Activation\nTry: another layer")

    with closing(Bench(BRIEF, peer(refuse, torch=("fast",)))) as bench:
        result = bench.compare(XOR)
    assert result["xpcnn_ms"] > 0
    assert result["ratio"] is None
    *_, last = ResultTable(["xor"], ["torch"]).lines(result)
    assert last == "xor, train: no PyTorch: PyTorch has no Activation. Try: another layer"


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpcnn.benchmark.QUICK", BRIEF)
    monkeypatch.setattr("xpcnn.benchmark.LARGE", BRIEF)
    said = ("PyTorch is not installed", "pip install torch")
    monkeypatch.setattr(
        backend, "problem", lambda name, device=None: said if name == "torch" else None
    )


@pytest.mark.usefixtures("no_torch")
def test_what_the_command_prints_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = CliRunner().invoke(command, ["--quick", "--model", "xor", "--json", "--quiet"])
    assert ran.exit_code == 0, ran.output
    facts = json.loads(ran.output)
    (result,) = facts["results"]
    assert (result["model"], result["batch"], result["mode"]) == ("xor", 64, "train")
    assert result["xpcnn_ms"] > 0
    assert [result[key] for key in ("ratio", "ratio_low", "ratio_high")] == [None] * 3
    assert facts["torch_failed"] == "PyTorch is not installed. Try: pip install torch"
    monkeypatch.setattr(Bench, "compare", lambda bench, case: {**case._asdict(), "xpcnn_ms": 1.0})
    ran = CliRunner().invoke(command, ["--quick", "--model", " xor"])
    assert "timed without PyTorch's side: PyTorch is not installed. Try: pip" in ran.stderr
    head, line = ran.stdout.splitlines()
    assert head.split()[:5] == ["model", "batch", "mode", "ms", "img/s"]
    assert line.split()[:3] == ["xor", "64", "train"]
    ran = CliRunner().invoke(command, ["--large", "--model", "xor", "--json", "--quiet"])
    cases = [(r["batch"], r["mode"]) for r in json.loads(ran.output)["results"]]
    assert cases == [
        (1, "inference"),
        *((16, "train"), (16, "inference"), (32, "train"), (32, "inference")),
    ]


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("as_json", [False, True])
def test_a_row_is_printed_as_soon_as_it_is_measured(
    as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(bench: Bench, case: Case) -> dict[str, object]:
        if case.mode == "inference":
            raise KeyboardInterrupt
        return {**case._asdict(), "xpcnn_ms": 12.3}

    monkeypatch.setattr(Bench, "compare", compare)
    ran = CliRunner().invoke(command, ["--model", "xor", *(["--json"] if as_json else [])])
    assert ran.exit_code != 0
    rows = (ran.stderr if as_json else ran.stdout).splitlines()
    assert ["xor", "64", "train", "12.30"] in [row.split() for row in rows]
    assert bool(ran.stdout) != as_json


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--compile"], 2, "--compile: PyTorch is not installed. Try: pip install torch"),
        (["--growth", "--quick"], 2, "--growth takes no --quick, --model or --compile. Try:"),
        (["--large", "--quick"], 2, "--large takes no --quick or --growth. Try: --large alone"),
        (["--model", "xor,smal"], 1, "unknown model 'smal'\nTry: 'small'"),
    ],
)
def test_what_the_command_refuses(arguments: list[str], code: int, text: str) -> None:
    ran = CliRunner().invoke(cli, ["bench", *arguments])
    assert ran.exit_code == code
    assert text in ran.output


def test_columns_are_aligned() -> None:
    table = ResultTable(["a", "longest"], [])
    (row,) = table.lines({"model": "a", "batch": 64, "mode": "train", "xpcnn_ms": 1234.5})
    assert table.head.startswith("  model  batch       mode        ms     img/s")
    assert row.startswith("      a     64      train  1,234.50          ")
    assert len(row) == len(table.head)


def test_the_network_that_grows() -> None:
    rows = summarize(Form(channels=4, depth=3).model().layers, (3, 32, 32)).rows
    assert [row.type for row in rows] == [*("Conv2D", "ReLU") * 3, "GlobalAvgPool2D", "Dense"]


def test_tables_of_growth() -> None:
    """Four times the work takes four times as long, then twice, after which calls had half."""
    rows = [
        Row(1, 1, 0.001, 0.0005, 10**6, 40.0),
        Row(4, 4, 0.002, 0.0005, 4 * 10**6, 41.0),
        Row(16, 16, 0.008, 0.0005, 16 * 10**6, 44.0),
    ]
    assert [exponent(*pair) for pair in pairwise(rows)] == [0.5, 1.0]
    text = "\n".join(page([("batch", rows), ("threads", rows[:2])]))
    assert "| 4 | 0.500 | 0.50 | 25% | 2 | 41 | less: calls |" in text
    assert "| 16 | 0.500 | 1.00 | 6% | 2 | 44 |  |" in text
    assert "| 4 | 0.500 | 0.50 | 2 | 41 |" in text
    assert text.endswith("40 MiB and 0.25 MiB per image (a line through the last two rows).")


def test_what_is_not_linear() -> None:
    assert remark(1.1, calls=0.5) == ""
    assert remark(0.8, calls=0.5) == "less: calls"
    assert remark(0.8, calls=0.1) == "less"
    assert remark(1.2, calls=0.5) == "more: caches"


def test_beside_pytorch() -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    with closing(Bench(BRIEF, pytorch_peer())) as bench:
        result = bench.compare(XOR)
    assert result["torch_form"] in ("contiguous_format", "channels_last")
    assert 0 < result["ratio_low"] <= result["ratio_high"]
    assert result["torch_peak_mb"] > 100
