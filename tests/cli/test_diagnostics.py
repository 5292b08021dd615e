"""What is tried in place of a training run: answers on stdout, and no folder."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli
from xpcnn.models import preset
from xpcnn.summary import summarize
from xpcnn.training import memory_check

SMALL = ("train", "--limit", "200")


@pytest.mark.parametrize(
    ("flag", "words", "names"),
    [
        ("--dry-run", "an update takes ", {"seconds", "updates", "loss", "val_loss", "memory"}),
        ("--find-lr", "\nsuggestion: 0.", {"rates", "losses", "suggestion"}),
        ("--overfit-one-batch", "the network can learn: after ", {"learnt", "updates", "loss"}),
    ],
)
def test_answers_and_writes_nothing(cli: Cli, flag: str, words: str, names: set[str]) -> None:
    ran = cli(*SMALL, flag)
    assert (ran.code, ran.err) == (0, "")
    assert words in ran.out
    assert names <= set(json.loads(cli(*SMALL, flag, "--json").out))
    assert list(Path().iterdir()) == []


def test_one_at_a_time(cli: Cli) -> None:
    ran = cli(*SMALL, "--dry-run", "--find-lr")
    assert ran.code == 2
    assert "--dry-run, --find-lr and --overfit-one-batch exclude each other" in ran.err


def test_memory_that_may_be_too_small_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = preset("digits")
    one = summarize(digits.layers, digits.input_shape, 1, 4).activation_bytes
    monkeypatch.setattr(memory_check, "host_memory", lambda: 63 * one)
    ran = cli(*SMALL, "--dry-run")
    assert (ran.code, ran.err.partition(" of 1 x 8 x 8 ")[0]) == (
        0,
        "note: batch_size is 64: to train on 64 samples",
    )
    assert "\nTry: batch_size=63, or smaller samples" in ran.err


def test_health_is_told_and_can_be_off(cli: Cli) -> None:
    diverging = (*SMALL, "--epochs", "1", "--lr", "30")
    assert "note: health: " in cli(*diverging, "--out", "one").err
    assert "health" not in cli(*diverging, "--no-health", "--out", "two").err


def test_notes_about_the_data_are_told_before_a_dry_run_too(cli: Cli) -> None:
    digits = xpcnn.data.load("digits")[0]
    held: dict[str, Any] = {"val_images": digits.images[80:93], "val_labels": digits.labels[80:93]}
    numpy.savez("own.npz", images=digits.images[:80], labels=digits.labels[:80], **held)
    flags = ("train", "--dataset", "own.npz", "--validation", "0.2", "--dry-run")
    note = "note: the validation part of own.npz is not used: --validation is 0.2\n"
    assert cli(*flags).err == note
    assert cli(*flags, "--quiet").err == ""
