"""`xpcnn tune`: a search for hyperparameters."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xpcnn.cli.options import (
    Option,
    json_option,
    option,
    quiet_option,
)

if TYPE_CHECKING:
    from xpcnn.cli.request import Request


@click.command("tune")
@click.argument("file", metavar="FILE.toml|FOLDER")
@option("--out", metavar="FOLDER", text="Folder of the search; by default runs/<time>-tune-...")
@quiet_option
@json_option
@click.pass_context
def command(context: click.Context, file: str, out: str | None, quiet: bool, as_json: bool) -> None:
    """Search for hyperparameters in ranges that a file gives.

    FILE.toml is a file like that of `train --config`, with a table [tune]: trials, metric
    (val_accuracy, val_loss, or val_ and the name of one of the --metrics or of a figure of
    regression), seed, and [tune.ranges], whose keys are those of `train --set`:

    \b
        [tune.ranges]
        "training.optimizer.lr" = { low = 0.001, high = 0.5, log = true }
        "training.batch_size" = { values = [32, 64, 128] }

    Optuna chooses the values, and successive halving stops trials that are behind others after 1,
    3, 9, ... epochs. The folder of the search keeps all trials, and the best of them as best.toml,
    for `xpcnn train --config`. Give that FOLDER in place of the file to resume an interrupted
    search; give the file and --out FOLDER to add trials to it. Environment variables are ignored.
    Needs pip install 'xpcnn[tune]'.
    """
    from xpcnn.cli.commands.train import command as train_command
    from xpcnn.cli.output import answer, to_json
    from xpcnn.cli.tuning import as_dict, as_words, tune

    context.meta[Option.RECORDED] = True

    def request_of(base: Path, values: Mapping[str, Any]) -> "Request":
        from xpcnn.cli.request import Request

        given = ["--config", str(base), "--quiet"]
        for key, value in values.items():
            given += ["--set", f"{key}={json.dumps(value)}"]
        with train_command.make_context("train", given, parent=context) as inner:
            return Request(inner)

    folder, found = tune(Path(file), out, quiet, request_of)
    answer(to_json(as_dict(folder, found)) if as_json else as_words(folder, found))
