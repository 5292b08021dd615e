"""Ctrl-C, SIGTERM, SIGHUP: exit codes 130, 143, 129, the last step's model saved, and said so."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest

from tests.cli.conftest import Cli
from tests.cli.process import default_signals, environment, start
from tests.waiting import PATIENCE, wait_for_lines
from xpcnn import signals
from xpcnn.cli.run_record import Journal
from xpcnn.model import Model
from xpcnn.model_loading import load_model
from xpcnn.training import Epoch
from xpcnn.types import flatten

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

SIGNALS = pytest.mark.parametrize(
    ("name", "code", "word"),
    [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated"), ("SIGHUP", 129, "hung up")],
)

LONG = ("train", "--limit", "300", "--epochs", "100000", "--json")


@SIGNALS
def test_a_signal_ends_training_with_a_saved_model(
    cli: Cli, name: str, code: int, word: str
) -> None:
    process = start(*LONG, "--out", "run")
    wait_for_lines(process, Path("run/metrics.jsonl"), 3)
    process.send_signal(signal.Signals[name])
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (code, "")
    whole = Path("run/metrics.jsonl").read_text().count("\n")
    assert err.splitlines()[-4:] == [
        f"epochs finished: {whole}",
        "saved the model of the last step: run/model.safetensors",
        "to resume: xpcnn resume run",
        word,
    ]
    assert "Traceback" not in err
    model = load_model("run/model.safetensors")
    last = model.provenance["metrics"]["last_epoch"]
    assert last["epoch"] == whole >= 3
    assert model.provenance["metrics"]["test"] is None
    assert model.mean is not None
    fresh = Model(model.layers, input_shape=model.input_shape, seed=model.seed)
    before, after = flatten(fresh.params), flatten(model.params)
    assert all((before[path] != after[path]).any() for path in before if path.endswith("weight"))
    assert cli("evaluate", "run").code == 0


AT_IMPORT = """
import os, sys
class Signal:
    def find_spec(name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Signal)
sys.argv = ["xpcnn", "train", "--epochs", "100000"]
import xpcnn.__main__
xpcnn.__main__.main()
"""


@SIGNALS
def test_a_signal_while_the_program_is_imported(name: str, code: int, word: str) -> None:
    ends_at_once("click", name, code, word)


@pytest.mark.parametrize("module", ["numpy", "xpcnn.layers", "xpcnn.cli.job"])
def test_an_interrupt_wherever_the_program_is_imported(module: str) -> None:
    ends_at_once(module, "SIGINT", 130, "interrupted")


def ends_at_once(module: str, name: str, code: int, word: str) -> None:
    """Require that a signal at the import of a module ends the program with one word."""
    script = AT_IMPORT.format(module=module, number=int(signal.Signals[name]))
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        preexec_fn=default_signals,
        timeout=PATIENCE,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", f"{word}\n")


def test_a_signal_before_training_starts_no_traceback(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xpcnn.data.load_parts", interrupt)
    assert cli("train") == (130, "", "interrupted\n")
    assert not Path("runs").exists()


def test_a_signal_between_an_epoch_and_its_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    on_epoch_end = Journal.on_epoch_end

    def interrupted(journal: Journal, record: Epoch) -> None:
        if record.epoch == 2:
            raise KeyboardInterrupt
        on_epoch_end(journal, record)

    monkeypatch.setattr(Journal, "on_epoch_end", interrupted)
    ran = cli("train", "--limit", "100", "--epochs", "5", "--quiet", "--out", "run")
    assert (ran.code, ran.err.splitlines()[0]) == (130, "epochs finished: 2")
    lines = Path("run/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]


def test_a_signal_during_the_test_keeps_the_trained_model(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def terminate(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)  # the handler runs long before
        raise AssertionError

    monkeypatch.setattr(Model, "evaluate", terminate)
    ran = cli("train", "--limit", "100", "--epochs", "1", "--quiet", "--out", "run")
    assert ran.code == 143
    assert ran.err.splitlines()[0] == "epochs finished: 1"
    assert load_model("run/model.safetensors").mean is not None


def test_a_second_signal_does_not_break_off_the_save(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Model.save

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def slow_save(model: Model, path: str | Path) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        time.sleep(0.01)  # a moment at which Python would call handlers
        save(model, path)

    monkeypatch.setattr(Model, "evaluate", interrupt)
    monkeypatch.setattr(Model, "save", slow_save)
    assert cli("train", "--limit", "100", "--epochs", "1", "--out", "run").code == 130
    assert load_model("run/model.safetensors").mean is not None


def test_a_failed_save_does_not_hide_the_interruption(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(model: Model, *_: object, **__: object) -> None:
        model.params["layers.0"] = {
            name: numpy.full_like(x, numpy.nan) for name, x in model.params["layers.0"].items()
        }
        raise KeyboardInterrupt

    monkeypatch.setattr(Model, "evaluate", interrupt)
    ran = cli("train", "--limit", "100", "--epochs", "1", "--out", "run")
    assert ran.code == 130
    assert "error: run/model.safetensors: NaN or infinity in layers.0.weight\nTry: " in ran.err
    assert ran.err.endswith("\ninterrupted\n")


def test_signals_are_as_before_afterwards(cli: Cli) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert cli("train", "--limit", "50", "--epochs", "1", "--out", "run").code == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_handler_that_is_there_already_stays(name: str) -> None:
    number = signal.Signals[name]
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with signals.interruptible():
            os.kill(os.getpid(), number)
            time.sleep(0.01)
    finally:
        signal.signal(number, before)


UNDER_NOHUP = """
import os, signal
from xpcnn.startup_signals import leave_at_once
signal.signal(signal.SIGHUP, signal.SIG_IGN)
leave_at_once()
os.kill(os.getpid(), signal.SIGHUP)
print("goes on")
"""


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", UNDER_NOHUP], capture_output=True, text=True, env=environment()
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "goes on\n", "")
