"""The scripts of the README's figures: each runs to its last line on a few enlarged digits.

In `tests/long`, the cheap ones reach their figure on the real images, and the slow one of a GPU
runs as the others do here. The others are run by hand, as the README says; they take minutes.
"""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from xpcnn.data import Dataset

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
OTHERS = {"figure.py", "own_layer.py", "by_hand.py", "xor.py"}  # shared code; tested elsewhere
SLOW = "cifar10_airbench.py"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py") if path.name not in OTHERS | {SLOW})
LAST = (
    r"test accuracy [01]\.\d{4} after \d+ epochs, \d+\.\d s"
    r"( \(mean of 3 seeds, worst [01]\.\d{4}\))?"
)


def enlarged(digits: Dataset, name: str) -> Dataset:
    """Return the 8 x 8 digits in the shape of MNIST's or CIFAR-10's images."""
    if name == "mnist":
        big = numpy.kron(digits.images, numpy.ones((3, 3), numpy.uint8))
        images = numpy.pad(big, ((0, 0), (0, 0), (2, 2), (2, 2)))
    else:
        images = numpy.tile(
            numpy.kron(digits.images, numpy.ones((4, 4), numpy.uint8)), (1, 3, 1, 1)
        )
    return Dataset.from_arrays(images, digits.labels, digits.classes, name)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs_on_a_few_images(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check_script(script, monkeypatch, capsys)


def check_script(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run a script on 16 images; its last line is what the README says."""
    parts = xpcnn.data.load("digits")

    def load(name: str, data_dir: str | None, **choice: Any) -> tuple[Dataset, Dataset]:
        assert data_dir == "where"
        train, test = (enlarged(part, name).select(limit=16) for part in parts)
        classes = choice.pop("classes", None)
        return train.select(classes=classes, **choice), test.select(classes=classes)

    monkeypatch.setattr(xpcnn.data, "load", load)
    monkeypatch.setattr(sys, "argv", [script, "--data-dir", "where"])
    monkeypatch.syspath_prepend(EXAMPLES)
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    *lines, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(LAST, last)
    seeds = [line for line in lines if re.match(r"seed \d: test accuracy \d\.\d{4}, ", line)]
    assert len(seeds) == (3 if "mean of 3 seeds" in last else 1)


def test_a_script_is_run_from_anywhere(tmp_path: Path) -> None:
    """In a process of its own, with nothing on the way but xpcnn; it finds `figure` beside it."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "mnist_tiny.py"), "--data-dir", "nowhere"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert done.returncode == 1
    assert "DataError: nowhere: there is no such folder" in done.stderr
