"""Runs under mpiexec and torchrun have the weights of one process."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.cli.process import ROOT, run
from tests.data.small_pictures import picture
from tests.group.launching import (
    FLAGS,
    HOSTS,
    IN_A_JOB,
    LAUNCHERS,
    MPI,
    MPIEXEC,
    TORCHRUN,
    assert_close,
    ended,
    launched,
    needs_mpi,
    needs_torch,
    of,
    start,
    two_machines,
)
from tests.pages import blocks

pytestmark = pytest.mark.usefixtures("own_folder")


def slurm() -> list[list[Any]]:
    """Return mpiexec in a job of two nodes, which starts a process on each by srun."""
    srun = ("-rmk", "slurm", "-launcher-exec", ROOT / "tests" / "group" / "srun")
    return [[MPIEXEC, *srun, "-n", "2", sys.executable]]


@pytest.mark.parametrize(
    ("machines", "engine", "variables"),
    [
        pytest.param(slurm, "mpi", IN_A_JOB, marks=needs_mpi, id="slurm"),
        pytest.param(lambda: [HOSTS], "mpi", {}, marks=needs_mpi, id="mpiexec"),
        pytest.param(two_machines, "torch", {}, marks=needs_torch, id="two-torchruns"),
    ],
)
def test_a_run_on_two_machines_is_that_of_one_process(
    machines: Callable[[], list[list[Any]]], engine: str, variables: dict[str, str]
) -> None:
    """Both machines are this one."""
    command = ("-m", "xpcnn", "train", *FLAGS, "--engine", engine, "--json", "--out", "two")
    processes = [start(launcher, *command, **variables) for launcher in machines()]
    codes, outs, errs = zip(*(ended(process) for process in processes), strict=True)
    assert not any(codes), errs
    assert "".join(outs).count('"run_dir"') == 1
    assert "".join(errs).count("2 processes share each batch") == 1
    assert Path("two/metrics.jsonl").read_text().count("\n") == 2
    assert json.loads(Path("two/environment.json").read_text())["processes"] == 2
    assert run("train", *FLAGS, "--out", "one")[0] == 0
    assert_close("two", "one")


@needs_mpi
@pytest.mark.parametrize("task", ["multi-label", "regression"])
def test_targets_in_two_processes(task: str) -> None:
    train, _ = xpcnn.data.load("digits")
    images, y = train.images[:200], train.labels[:200]
    targets = numpy.stack([y % 2, y > 4], axis=1)
    numpy.savez("d.npz", images=images, labels=targets if task == "multi-label" else 10.5 * y)
    flags = ("--dataset", "d.npz", "--task", task, "--epochs", "2", "--dtype", "float64")
    two = (*flags, "--engine", "mpi", "--json", "--out", "two")
    code, out, err = launched(MPI, "-m", "xpcnn", "train", *two)
    assert code == 0, err
    code, alone, err = run("train", *flags, "--json", "--out", "one")
    assert code == 0, err
    assert_close("two", "one")
    assert json.loads(out)["test"] == pytest.approx(json.loads(alone)["test"], rel=1e-9)


@LAUNCHERS
def test_sums_that_begin_early(launcher: list[Any], engine: str) -> None:
    command = ("-m", "xpcnn", "train", *FLAGS, "--engine", engine, "--out", "two")
    code, _, err = launched(launcher, *command, XPCNN_OVERLAP="1")
    assert code == 0, err
    assert run("train", *FLAGS, "--out", "one")[0] == 0
    assert_close("two", "one")
    code, _, err = launched(launcher, *command, XPCNN_OVERLAP="yes")
    assert (code, "XPCNN_OVERLAP is 'yes'\nTry: 1 on a network of" in err) == (1, True)


EQUAL = """
import sys, xpcnn
from tests.group.test_equal import MIXING, assert_equal, trained, trained_preset
group = xpcnn.backend.group(sys.argv[1])
assert group.size == int(sys.argv[2])
def small(group):
    return trained_preset(group, "small"), []
def mixing(group):
    return trained(group, n=38, augment=MIXING)
for train in (small, mixing):
    found = group.gather(train(group))
    if group.rank == 0:
        assert_equal(found, train(xpcnn.backend.group("none")))
        print("equal")
"""


@pytest.mark.parametrize(
    ("launcher", "engine", "count"),
    [
        *(pytest.param(MPI, "mpi", n, marks=needs_mpi) for n in (1, 2, 3, 4, 7)),
        *(pytest.param(TORCHRUN, "torch", n, marks=needs_torch) for n in (3, 7)),
    ],
)
def test_any_number_of_processes_is_one(launcher: list[Any], engine: str, count: int) -> None:
    """`small`, whose gradients are summed in shared memory; a network with batch norm and dropout,
    batches of twelve rows and of two, whose gradients MPI or gloo sums."""
    Path("equal.py").write_text(EQUAL)
    code, out, err = launched(of(count, launcher), "equal.py", engine, str(count))
    assert (code, out) == (0, "equal\nequal\n"), err


LENT = """
import sys, numpy, xpcnn
group = xpcnn.backend.group(sys.argv[1])
found = []
for count in (50_000, 100_000, 20_000):
    x = group.lend(count, numpy.zeros(0, "f4"))
    x[...] = numpy.arange(count) + group.rank
    total = group.sum(x)
    found.append(total is x and bool((total == 3 * numpy.arange(count) + 3).all()))
told = group.gather(found)
if group.rank == 0:
    print(told)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory as Linux shares it")
@LAUNCHERS
def test_sums_in_shared_memory(launcher: list[Any], engine: str) -> None:
    Path("lent.py").write_text(LENT)
    code, out, err = launched(of(3, launcher), "lent.py", engine)
    assert code == 0, err
    assert out == f"{[[True] * 3] * 3}\n"


SUMS = """
import sys, numpy, xpcnn
group = xpcnn.backend.group(sys.argv[1])
library = xpcnn.backend.load(sys.argv[2])
one, other = (library.from_host(numpy.array([10.0**group.rank])) for _ in range(2))
found = group.gather((float(group.sum_of(2)(one)[0]), float(group.sum(other)[0])))
if group.rank == 0:
    print(found)
"""


@pytest.mark.parametrize(
    ("launcher", "engine", "backend"),
    [
        pytest.param(MPI, "mpi", "numpy", marks=needs_mpi),
        pytest.param(MPI, "mpi", "array_api_strict", marks=needs_mpi),
        pytest.param(TORCHRUN, "torch", "torch", marks=needs_torch),
    ],
)
def test_sums_of_neighbours(launcher: list[Any], engine: str, backend: str) -> None:
    Path("sums.py").write_text(SUMS)
    code, out, err = launched(of(4, launcher), "sums.py", engine, backend)
    assert code == 0, err
    assert out == f"{[(11.0, 1111.0)] * 2 + [(1100.0, 1111.0)] * 2}\n"


@needs_mpi
def test_the_script_of_the_guide() -> None:
    text = (ROOT / "examples" / "guides" / "processes.md").read_text(encoding="utf-8")
    Path("train.py").write_text(blocks(text)[0].text, encoding="utf-8")
    code, out, err = launched(MPI, "train.py", XPCNN_ENGINE="mpi")
    assert (code, out.count("2 processes: accuracy 0.9")) == (0, 1), err


@needs_mpi
@pytest.mark.parametrize("kind", ["arrays", "stream"])
def test_another_number_of_processes_resumes(kind: str) -> None:
    data: tuple[str, ...] = FLAGS[:2]
    if kind == "stream":
        pytest.importorskip("PIL.Image", reason="Pillow is not installed")
        draw = numpy.random.default_rng(0)
        for i in range(80):
            picture(Path("photos", "ab"[i % 4 == 0], f"{i}.png"), draw.integers(0, 256, (8, 8)))
        data = ("--dataset", "photos", "--stream", "yes", "--class-weights", "balanced")
        data += ("--model", "tiny", "--batch-size", "16")
    long = ("train", *data, "--epochs", "10", *FLAGS[4:], "--checkpoint-steps", "3")
    arguments = ("-m", "tests.group.failing", "term", "1", "7", *long, "--engine", "mpi")
    code, _, err = launched(MPI, *arguments, "--out", "two")
    assert code == 143, err
    code, _, err = run("resume", "two", "--processes", "3", **IN_A_JOB)  # where there is no srun
    assert code == 0, err
    assert "processes was 2 and is now 3" in err
    assert run(*long, "--out", "one")[0] == 0
    assert_close("two", "one", 1e-9)
