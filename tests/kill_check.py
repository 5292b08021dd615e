"""`python -m tests.kill_check`: runs killed, resumed, and compared.

A run with shuffling, augmentation, dropout, batch norm, Adam, a schedule, an average of the weights
and validations in the middle of epochs is killed (SIGKILL) at moments spread over its updates, as
its checkpoints tell, so that they are the same on a busy machine; `xpcnn resume` then has to end
with the same model file, to the last byte, as the run that nobody disturbed. A run killed before
its first checkpoint starts again.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cli.process import environment
from tests.waiting import PATIENCE

MODEL = """
input_shape = [1, 8, 8]
classes = 10
layers = [
    { type = "Conv2D", filters = 8, size = 3, padding = "same" },
    { type = "BatchNorm" },
    { type = "ReLU" },
    { type = "MaxPool2D", size = 2 },
    { type = "Flatten" },
    { type = "Dropout", rate = 0.25 },
    { type = "Dense", units = "classes" },
]

[training]
epochs = 8
batch_size = 32
optimizer = { name = "adam", lr = 0.01 }
schedule = { name = "one-cycle" }
warmup = 10
augment = [{ name = "shift" }, { name = "rotate" }, { name = "mixup" }]
ema = 0.95
validate_every = 10
keep_best = true
"""

FLAGS = ("--limit", "600", "--checkpoint-steps", "3", "--quiet")


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "xpcnn", *map(str, arguments)],
        env=environment(XPCNN_NUM_THREADS="1"),
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process; an error of its is ours."""
    _, err = process.communicate(timeout=PATIENCE)
    if process.returncode != 0:
        raise SystemExit(f"exit code {process.returncode}: {err.decode()}")


def digest(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def begun(model: Path, run: Path) -> subprocess.Popen[bytes]:
    """Return a process whose run has a folder."""
    process = start("train", "--model", model, "--out", run, *FLAGS)
    while not (run / "environment.json").exists() and process.poll() is None:
        time.sleep(0.002)
    return process


def newest(run: Path) -> int:
    """Return the update of the newest checkpoint, 0 without one."""
    found = (run / "checkpoints").glob("step-*.safetensors")
    return max((int(file.stem.removeprefix("step-")) for file in found), default=0)


def killed_and_resumed(model: Path, run: Path, update: int, after: float) -> tuple[str, str]:
    """Kill a run some seconds after the checkpoint of an update.

    Returns:
        what the kill met, and the digest of the resumed run's model.
    """
    process = begun(model, run)
    while newest(run) < update and process.poll() is None:
        time.sleep(0.002)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    met = "a run without a checkpoint"
    if newest(run):
        met = "a run with checkpoints"
    if process.returncode == 0:
        met = "a finished run"
    finish(start("resume", run, "--quiet"))
    return met, digest(run)


def main(kills: int = 50, seed: int = 0, at_once: int = 2) -> None:
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.toml"
        model.write_text(MODEL)
        finish(start("train", "--model", model, "--out", Path(folder) / "straight", *FLAGS))
        process = begun(model, Path(folder) / "again")
        begin_training = time.monotonic()
        finish(process)
        seconds = time.monotonic() - begin_training
        expected = digest(Path(folder) / "straight")
        if digest(Path(folder) / "again") != expected:
            raise SystemExit("two runs that nobody disturbed differ")
        moments = random.Random(seed)
        last = newest(Path(folder) / "again")
        updates = [round(i / kills * last) for i in range(kills)]
        after = [moments.random() * seconds / kills for _ in range(kills)]
        with ThreadPoolExecutor(at_once) as pool:
            runs = [Path(folder) / f"run-{i}" for i in range(kills)]
            results = list(pool.map(killed_and_resumed, [model] * kills, runs, updates, after))
    counts: dict[str, int] = {}
    for met, _ in results:
        counts[met] = counts.get(met, 0) + 1
    equal = sum(found == expected for _, found in results)
    print(f"the run: {seconds:.1f} s from its folder to its end; seed of the moments: {seed}")
    print(f"killed: {', '.join(f'{n} x {met}' for met, n in sorted(counts.items()))}")
    print(f"ended with the same model file: {equal} of {kills}")
    print(f"in all: {time.monotonic() - begin:.0f} s")
    if equal != kills:
        raise SystemExit(1)
    if counts.get("a run with checkpoints", 0) < kills // 2:
        raise SystemExit("too few kills met a run with checkpoints to say anything")


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m tests.kill_check", description=__doc__).parse_args()
    main()
