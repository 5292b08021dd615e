"""The fuzzer sees faults: each kind is planted once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.__main__ import report
from tests.fuzz.mutations import KINDS, mutant
from tests.fuzz.originals import csv
from tests.fuzz.readers import READERS, Reader, outcome
from xpcnn.errors import DataError, hint


def no_advice(path: Path) -> None:
    raise DataError(f"{path} is bad")


def advice(path: Path) -> None:
    raise DataError(hint(f"{path} is bad", "another"))


def raw(path: Path) -> None:
    raise KeyError(path.name)


def wrong(path: Path) -> None:
    assert path.name == "other"


@pytest.mark.parametrize(
    ("read", "found"),
    [
        (advice, "rejected"),
        (lambda path: None, "right"),
        (no_advice, "no advice: m is bad"),
        (raw, "KeyError at test_fuzz.py:"),
        (wrong, "AssertionError at test_fuzz.py:"),
    ],
)
def test_outcomes(read: Callable[[Path], None], found: str) -> None:
    assert outcome(Reader(csv, read, mutant), Path("m")).startswith(found)


def test_the_report_fails_where_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    found = [("csv", 0, "rejected"), ("csv", 1, "right")]
    assert report(found, 0) == 0
    assert report([*found, ("csv", 2, "KeyError: 3")], 0) == 1
    assert "1 x python -m tests.fuzz --only csv --case 2 --seed 0\nKeyError: 3" in (
        capsys.readouterr().out
    )
    assert report([], 0) == 1


PLANTED = """
import sys
from tests.fuzz import child, readers
from tests.fuzz.originals import csv

def read(path):
    if path.read_bytes() != originals.setdefault(path.name, path.read_bytes()):
        {fault}

originals = {{}}
readers.READERS["csv"] = readers.Reader(csv, read, readers.READERS["csv"].damage)
child.CPU_SECONDS = {seconds}
sys.argv = ["child", "csv", "0", "0", "20"]
child.main()
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits as Linux has them")
@pytest.mark.parametrize(
    ("fault", "seconds", "code", "text"),
    [
        ("while True: pass", 0.2, -27, ""),
        ("len(bytearray(1 << 30))", 60, 0, "MemoryError at "),
        ("import os; os.kill(os.getpid(), 11)", 60, -11, ""),
    ],
    ids=["time", "memory", "crash"],
)
def test_limits(fault: str, seconds: float, code: int, text: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PLANTED.format(fault=fault, seconds=seconds)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (ran.returncode, text in ran.stdout) == (code, True)


@pytest.mark.parametrize("kind", KINDS)
def test_mutations_depend_on_the_seed_alone(kind: str) -> None:
    content = b"label,1,2.5,-3e4\n" * 20
    damaged = [mutant(content, Random(seed), kind) for seed in range(50)]
    assert damaged == [mutant(content, Random(seed), kind) for seed in range(50)]
    assert len(set(damaged)) > 40
    assert all(mutant(b"", Random(seed), kind) == b"" for seed in range(9))


@pytest.mark.parametrize("name", READERS)
def test_originals_are_right(name: str, tmp_path: Path) -> None:
    from tests.fuzz.child import files

    if name == "parquet":
        pytest.importorskip("pyarrow", reason="PyArrow is not installed")
    reader = READERS[name]
    for path in files(reader, tmp_path / "run"):
        assert outcome(reader, path) == "right"
