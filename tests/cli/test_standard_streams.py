"""Printing is not training: what nobody can read is lost, the run is not."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import environment
from tests.waiting import PATIENCE
from xpcnn.model_loading import load_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a shell as POSIX has it")

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")

XPCNN = shlex.join([sys.executable, "-W", "error", "-m", "xpcnn"])
TRAIN = f"{XPCNN} train --limit 100 --epochs 1 --out run"
NO_SPACE = (
    "error: the answer cannot be written to standard output: No space left on device\n"
    "Try: another file or pipe for it\n"
)


def shell(command: str) -> tuple[int, str]:
    """Run a command of the shell; return its exit code and what it wrote to standard error."""
    ran = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, env=environment(), timeout=PATIENCE
    )
    return ran.returncode, ran.stderr


@pytest.mark.parametrize(
    ("streams", "code", "err"),
    [
        ("2>&-", 0, ""),
        (">&- 2>&- <&-", 0, ""),
        pytest.param("2>/dev/full", 0, "", marks=FULL),
        pytest.param("--quiet --json >/dev/full", 1, NO_SPACE, marks=FULL),
        ("--quiet --json >&-", 1, NO_SPACE.replace("No space left on device", "it is closed")),
    ],
)
def test_a_run_that_cannot_print_saves_its_model(streams: str, code: int, err: str) -> None:
    assert shell(f"{TRAIN} {streams}") == (code, err)
    assert load_model("run/model.safetensors").provenance["metrics"]["test"] is not None


@pytest.mark.parametrize(("flags", "code"), [("", 0), ("--json", 1)])
def test_a_reader_that_leaves_does_not_end_the_run(flags: str, code: int) -> None:
    assert shell(f"{{ {TRAIN} {flags} 2>&1; echo $? >code; }} | head -n 1") == (0, "")
    assert Path("code").read_text() == f"{code}\n"
    assert load_model("run/model.safetensors").provenance["metrics"]["test"] is not None


@FULL
@pytest.mark.parametrize(
    ("command", "err"),
    [("summary tiny", NO_SPACE), ("--help", "error: standard output: No space left on device\n")],
)
def test_an_answer_that_is_lost_is_an_error(command: str, err: str) -> None:
    assert shell(f"{XPCNN} {command} >/dev/full") == (1, err)
