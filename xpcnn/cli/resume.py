"""`xpcnn resume`: a run that was broken off goes on, to the same last bit."""

from pathlib import Path
from typing import Any

import click

from xpcnn.cli.options import Option, json_option, option, quiet_option


@click.command("resume")
@click.argument("run", metavar="RUN")
@option("--max-seconds", type=float, text="Another limit on the time, that before included.")
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context, run: str, max_seconds: float | None, quiet: bool, as_json: bool
) -> None:
    """Go on with a run from its newest checkpoint, or from the start if it has none.

    RUN is the run's folder. Everything is as its config.toml says; the environment is not asked.
    The run ends as it would have without the break: same weights, same figures.
    """
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.cli.request import Request
    from xpcnn.cli.run import train
    from xpcnn.cli.runs import CONFIG, finished, old_run
    from xpcnn.cli.train import NOT_OF_THE_RUN
    from xpcnn.cli.train import command as train_command
    from xpcnn.cli.words import said_of_flags

    folder = old_run(Path(run))
    result: dict[str, Any] | None = finished(folder)
    if result is not None:
        say(f"{folder} is finished: test accuracy {result['accuracy']:.4f}", quiet)
        if as_json:
            answer(to_json({"run_dir": str(folder), "test": result}))
        return
    context.meta[Option.RECORDED] = True
    given = ["--config", str(folder / CONFIG)]
    if max_seconds is not None:
        given += ["--max-seconds", str(max_seconds)]
    with train_command.make_context("train", given, parent=context) as inner:
        request = Request(inner)
    for name in NOT_OF_THE_RUN:
        request.flags.pop(name)
    with said_of_flags(inner, request.wheres):
        answered = train(request, None, quiet, resumed=folder)
    if as_json:
        answer(to_json(answered))
