"""Runs under mpiexec and torchrun: the same weights as one process, and how they end."""

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.cli.process import ROOT, environment, run
from tests.data.picture_kit import picture
from tests.pages import blocks
from xpcnn.io.tensor_file import read
from xpcnn.model_loading import load_model
from xpcnn.types import flatten

BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.is_file() else shutil.which("mpiexec")

MPI = [MPIEXEC, "-n", "2", sys.executable]
TORCHRUN = [
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
]

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None, reason="mpi4py and mpiexec are not installed"
)
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")

LAUNCHERS = pytest.mark.parametrize(
    ("launcher", "engine"),
    [
        pytest.param(MPI, "mpi", marks=needs_mpi, id="mpiexec"),
        pytest.param(TORCHRUN, "torch", marks=needs_torch, id="torchrun"),
    ],
)

FLAGS = ("--limit", "200", "--epochs", "2", "--dtype", "float64", "--augment", "shift,mixup")
LONG = ("train", "--limit", "300", "--epochs", "1000", "--checkpoint-steps", "1", "--out", "run")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def start(launcher: list[Any], *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start `python ARGUMENTS` in the processes of a launcher."""
    return subprocess.Popen(
        [*map(str, launcher), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(XPCNN_NUM_THREADS="1", **variables),
    )


def of(count: int, launcher: list[Any]) -> list[Any]:
    """Return the command of a launcher of two processes for another number of them."""
    return [str(count) if word == "2" else word for word in launcher]


def ended(process: subprocess.Popen[str], seconds: float = 30) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def launched(launcher: list[Any], *arguments: str, **variables: str) -> tuple[int, str, str]:
    return ended(start(launcher, *arguments, **variables), 120)


def seconds_since_the_failure() -> float:
    """Return the time since a process of `failing` failed: that of a start does not count."""
    return time.time() - Path("failed").stat().st_mtime


def weights(folder: str) -> dict[str, numpy.ndarray]:
    model = load_model(f"{folder}/model.safetensors")
    return flatten(model.params) | flatten(model.buffers, "buffers.")


def assert_close(folder: str, other: str, bound: float = 1e-12) -> None:
    """Require the weights of two runs to be equal in parts of the largest of each tensor."""
    found, expected = weights(folder), weights(other)
    for path, x in expected.items():
        atol = bound * numpy.abs(x).max()
        numpy.testing.assert_allclose(found[path], x, rtol=0, atol=atol, err_msg=path)


def slurm() -> list[list[Any]]:
    """Return mpiexec in a job of two nodes, which starts a process on each by srun."""
    srun = ("-rmk", "slurm", "-launcher-exec", ROOT / "tests" / "group" / "srun")
    return [[MPIEXEC, *srun, "-n", "2", sys.executable]]


def two_machines() -> list[list[Any]]:
    """Return a torchrun for each of two machines, which know of each other by address and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    one = [*TORCHRUN[:3], "--nnodes", "2", "--nproc-per-node", "1"]
    one += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    return [[*one, "--node-rank", rank] for rank in range(2)]


IN_A_JOB = {"SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": "a,b", "SLURM_NNODES": "2"}
IN_A_JOB |= {"SLURM_NODELIST": "a,b", "SLURM_JOB_NUM_NODES": "2", "SLURM_TASKS_PER_NODE": "1(x2)"}


@pytest.mark.parametrize(
    ("machines", "engine", "variables"),
    [
        pytest.param(slurm, "mpi", IN_A_JOB, marks=needs_mpi, id="slurm"),
        pytest.param(two_machines, "torch", {}, marks=needs_torch, id="two-torchruns"),
    ],
)
def test_a_run_on_two_machines_is_that_of_one_process(
    machines: Callable[[], list[list[Any]]], engine: str, variables: dict[str, str]
) -> None:
    """Both machines are this one."""
    command = ("-m", "xpcnn", "train", *FLAGS, "--engine", engine, "--json", "--out", "two")
    processes = [start(launcher, *command, **variables) for launcher in machines()]
    codes, outs, errs = zip(*(ended(process, 120) for process in processes), strict=True)
    assert not any(codes), errs
    assert "".join(outs).count('"run_dir"') == 1
    assert "".join(errs).count("2 processes share each batch") == 1
    assert Path("two/metrics.jsonl").read_text().count("\n") == 2
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
        assert_equal(found, train(None))
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


@LAUNCHERS
@pytest.mark.parametrize(
    ("how", "rank", "message"),
    [
        ("raise", 0, "process 0: error: unexpected ValueError: a planted error"),
        ("memory", 1, "process 1: error: not enough memory: a planted lack of memory"),
        ("exit", 1, None),
        ("kill", 0, None),
    ],
)
def test_one_that_fails_ends_all(
    launcher: list[Any], engine: str, how: str, rank: int, message: str | None
) -> None:
    arguments = ("-m", "tests.group.failing", how, str(rank), "5", *LONG, "--engine", engine)
    code, _, err = launched(launcher, *arguments)
    assert seconds_since_the_failure() < 10
    assert code != 0
    if message is not None:
        assert err.count(message) == 1
    read("run/checkpoints/step-000000004.safetensors")  # raises if it is not whole
    assert not Path("run/model.safetensors").exists()


@LAUNCHERS
@pytest.mark.parametrize(("how", "code"), [("int", 130), ("term", 143), ("twice", 143)])
def test_a_signal_to_one_saves_and_ends_all(
    launcher: list[Any], engine: str, how: str, code: int
) -> None:
    arguments = ("-m", "tests.group.failing", how, "1", "5", *LONG, "--engine", engine)
    found, _, err = launched(launcher, *arguments)
    assert found == (code if engine == "mpi" else 1)  # torchrun has an exit code of its own
    assert err.count("saved the model of the last step: run/model.safetensors") == 1
    assert Path("run/checkpoints/step-000000005.safetensors").is_file()


@needs_mpi
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_to_the_launcher_saves(name: str, code: int) -> None:
    arguments = ("-m", "tests.group.failing", "nothing", "0", "0", *LONG, "--engine", "mpi")
    process = start(MPI, *arguments)
    until = time.monotonic() + 120
    while not Path("run/checkpoints/step-000000005.safetensors").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.Signals[name])
    found, _, err = ended(process)
    assert found == code, err
    assert err.count("saved the model of the last step") == 1


@LAUNCHERS
def test_one_that_hangs_ends_all_after_the_patience(launcher: list[Any], engine: str) -> None:
    """torchrun gives a process that hangs another 30 seconds to end by itself."""
    arguments = ("-m", "tests.group.failing", "freeze", "1", "5", *LONG, "--engine", engine)
    code, _, err = launched(launcher, *arguments, XPCNN_TIMEOUT="2")
    assert seconds_since_the_failure() < 2 + 10 + 30 * (engine == "torch")
    assert code != 0
    assert "error: process 0 waited 2 seconds for another process" in err


@needs_mpi
def test_other_weights_in_one_process_are_found() -> None:
    arguments = ("-m", "tests.group.failing", "drift", "1", "5", *LONG, "--engine", "mpi")
    code, _, err = launched(MPI, *arguments)
    assert code == 1
    assert err.count("error: process 1 has other weights than process 0") == 1


@needs_mpi
def test_a_divergence_is_told_once_and_replayed_alone() -> None:
    flags = ("--limit", "200", "--epochs", "5", "--lr", "1e30", "--clip-norm", "none")
    code, _, err = launched(MPI, "-m", "xpcnn", "train", *flags, "--engine", "mpi", "--out", "run")
    assert code == 1
    assert err.count("training diverged") == 1
    code, out, err = run("replay", "run/checkpoints/not-finite.safetensors")
    assert code == 0, err
    assert "is not finite" in out


@needs_mpi
def test_one_error_for_what_all_processes_find() -> None:
    Path("run").mkdir()
    Path("run/file").write_text("here")
    wrong = [("--out", "run"), ("--dataset", "nothing"), ("--model", "none.toml")]
    for flags in (*wrong, ("--batch-norm", "groups:3")):
        code, _, err = launched(MPI, "-m", "xpcnn", "train", *flags, "--engine", "mpi")
        assert code == 1
        assert err.count("error:") == 1, err


@needs_mpi
def test_processes_without_an_engine_are_rejected() -> None:
    code, _, err = launched(MPI, "-m", "xpcnn", "train", *FLAGS)
    assert code == 1
    assert "a launcher started 2 processes, and each would train alone" in err
    assert not Path("runs").exists()


def test_an_engine_that_finds_itself_alone_is_rejected() -> None:
    if find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed")
    code, _, err = run("train", "--engine", "mpi", SLURM_STEP_NUM_TASKS="2")
    assert code == 1
    assert "the launcher started 2 processes, and mpi connects none of them" in err


def test_engines_that_cannot_be_used() -> None:
    code, _, err = run("train", "--engine", "mpy")
    assert (code, err.splitlines()[0]) == (1, "error: unknown engine 'mpy'")
    if find_spec("torch") is not None:
        code, _, err = run("train", "--engine", "torch")
        assert (code, "this process was not started by torchrun" in err) == (1, True)


@pytest.mark.parametrize("engine", ["mpi", "torch"])
@pytest.mark.parametrize("seconds", ["soon", "0", "nan", "inf"])
def test_no_patience(engine: str, seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"xpcnn.backends.{engine}_engine")
    monkeypatch.setattr(module, "find_spec", lambda name: name)  # as if it were installed
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("XPCNN_TIMEOUT", seconds)
    problem = f"XPCNN_TIMEOUT is {seconds!r}", "a number of seconds above 0, such as 3600"
    assert module.problem() == problem
    monkeypatch.setenv("XPCNN_TIMEOUT", "0.5")
    assert module.problem() is None


def test_cores_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the processes of this machine that may run on the same cores, unless already said."""
    from xpcnn import backend
    from xpcnn.process_group import Alone

    here, all_of_them = platform.node(), list(range(8))
    others: list[tuple[str, list[int]]] = []

    class Several(Alone):
        def gather(self, value: Any) -> list[Any]:
            return [value, *others]

    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(all_of_them), raising=False)
    for beside, threads in (
        ([], None),
        ([(here, all_of_them)] * 2, "2"),
        ([(here, [8, 9]), ("another", all_of_them)], None),  # other cores; another machine
        ([(here, all_of_them), ("another", all_of_them)], "4"),
        ([(here, all_of_them)] * 11, "1"),
    ):
        for name in ("XPCNN_NUM_THREADS", "XPCNN_READ_THREADS"):
            monkeypatch.setenv(name, "")  # so that the test leaves none behind
            monkeypatch.delenv(name)
        others[:] = beside
        backend._divide_cores(Several())
        assert os.environ.get("XPCNN_NUM_THREADS") == threads
        assert os.environ.get("XPCNN_READ_THREADS") == threads
    others[:] = [(here, all_of_them)]
    backend._divide_cores(Several())
    assert os.environ["XPCNN_NUM_THREADS"] == "1"
