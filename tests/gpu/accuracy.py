"""The time of a whole process that trains to an accuracy on test images: data, compiling, training.

Each runs twice: first with what the machine has compiled so far, then with all of it compiled.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import xpcnn
from tests.gpu.section import ROOT, Finding, Options, Skipped, told
from xpcnn.data.augment import Crop, Flip
from xpcnn.training import Callback, History, StopTraining, Validation

JOBS: dict[str, dict[str, Any]] = {
    "mnist": {"preset": "small", "target": 0.99, "epochs": 5, "batch_size": 128},
    "cifar10": {"preset": "large-bn", "target": 0.85, "epochs": 30, "batch_size": 128},
}
QUICK = {"digits": {"preset": "digits", "target": 0.5, "epochs": 3, "batch_size": 64}}


def findings(options: Options) -> Iterator[Finding]:
    """Time each data set; they lie in folders of their names."""
    jobs = QUICK if options.quick else JOBS
    if options.data is None and not options.quick:
        raise Skipped("--data says where the data sets are")
    for name, job in jobs.items():
        for cache in ("first", "warm cache"):
            label = f"{name} to {job['target']:.1%}, {cache}"
            yield told(label, partial(reached, label, name, job, options))


def reached(label: str, name: str, job: dict[str, Any], options: Options) -> Finding:
    """Run a process, and return its figures and its seconds."""
    folder = None if options.quick else str(Path(str(options.data)) / name)
    given = job | {"backend": options.backend, "device": options.device, "folder": folder}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu.accuracy", name, json.dumps(given)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=max(options.left(), 1.0),
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        return Finding(label, None, done.stderr[-1500:])
    fact = json.loads(done.stdout.splitlines()[-1]) | {"seconds of the process": seconds}
    missed = fact["accuracy"] < job["target"]
    return Finding(label, fact, "the accuracy was not reached" if missed else None)


class Reached(Callback):
    """Ends training at an accuracy."""

    def __init__(self, target: float) -> None:
        self.target = target

    def on_validation(self, record: Validation) -> None:
        if (record.accuracy or 0.0) >= self.target:
            raise StopTraining("accuracy reached")


def trained(name: str, job: dict[str, Any]) -> History:
    """Train as the preset says; CIFAR-10 with crops and mirror images."""
    train, test = xpcnn.data.load(name, data_dir=job["folder"])
    found = xpcnn.models.preset(job["preset"]).for_data(train.shape, len(train.classes))
    device = {"backend": job["backend"], "device": job["device"]}
    model = xpcnn.Model(found.layers, input_shape=train.shape, seed=0, **device)
    return model.fit(
        train,
        found.training,
        validation=test,
        epochs=job["epochs"],
        batch_size=job["batch_size"],
        augment=[Flip(), Crop(2)] if name == "cifar10" else None,
        callbacks=[Reached(job["target"])],
        health=False,
    )


if __name__ == "__main__":
    history = trained(sys.argv[1], json.loads(sys.argv[2]))
    accuracy, seconds = history["val_accuracy"], history["seconds"]
    print(json.dumps({"accuracy": accuracy[-1], "epochs": len(accuracy), "training": sum(seconds)}))
