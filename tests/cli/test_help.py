"""The help of `xpcnn train`: every flag in one group, choices as choices, no line too long."""

import re

import pytest

from tests.cli.conftest import Cli
from xpcnn import losses, models, optimizers, schedules
from xpcnn.backend import NAMES
from xpcnn.cli.command_group import COMMANDS
from xpcnn.cli.commands.train import GROUPS, command
from xpcnn.data.augment import BY_NAME


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_fit_the_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = cli("train", "--help").out.splitlines()
    assert max(map(len, lines)) <= columns
    if columns == 120:
        assert max(map(len, lines)) > 100
    titles = [line.removesuffix(":") for line in lines if line and line[0] != " "]
    assert titles[1:] == [*GROUPS, "Other"]


def test_the_list_of_commands_is_whole(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """On 80 columns, no sentence is cut off with "..."; on 120, every help is as wide as that."""
    monkeypatch.setenv("COLUMNS", "80")
    text = cli("--help").out
    commands = text[text.index("Commands:") :].splitlines()[1:]
    assert [line.split()[0] for line in commands] == [*COMMANDS]
    assert all(line.endswith(".") and not line.endswith("...") for line in commands)
    monkeypatch.setenv("COLUMNS", "120")
    assert 100 < max(map(len, cli("predict", "--help").out.splitlines())) <= 120


def test_every_flag_is_in_one_group() -> None:
    grouped = [name for group in GROUPS.values() for name in group]
    flags = {param.opts[-1].removeprefix("--") for param in command.params}
    assert sorted(grouped) == sorted(flags - {"verbose"})


def test_choices_are_those_that_there_are(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    text = re.sub(r"\s+", "", cli("train", "--help").out)
    for flag, valid in (
        ("optimizer", optimizers.BY_NAME),
        ("schedule", schedules.BY_NAME),
        ("loss", losses.BY_NAME),
        ("backend", NAMES),
    ):
        (listed,) = re.findall(rf"--{flag}\[(.*?)\]", text)
        assert sorted(listed.split("|")) == sorted(valid)
    for name in (*BY_NAME, *models.names()):
        assert re.search(rf"[:,]{name}[,;.]", text, re.IGNORECASE), name
