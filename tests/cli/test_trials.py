"""What is tried in place of a training run: answers on stdout, and no folder."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

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


def test_health_is_told_and_can_be_off(cli: Cli) -> None:
    sick = (*SMALL, "--epochs", "1", "--lr", "30")
    assert "note: health: " in cli(*sick, "--out", "one").err
    assert "health" not in cli(*sick, "--no-health", "--out", "two").err
