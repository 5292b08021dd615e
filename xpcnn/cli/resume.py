"""`xpcnn resume`: a run that was broken off goes on, to the same last bit."""

from pathlib import Path

import click

from xpcnn.cli.options import Option


@click.command("resume")
@click.argument("run", metavar="RUN")
@click.option("--max-seconds", type=float, help="Another limit on the time, that before included.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
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
    from xpcnn.cli.runs import CONFIG, locked_run, old_run, outcome
    from xpcnn.cli.train import NOT_OF_THE_RUN
    from xpcnn.cli.train import command as train_command
    from xpcnn.cli.words import said_of_flags

    folder = old_run(Path(run))
    ended = outcome(folder)
    out_of_time = ended is not None and str(ended.stopped).endswith("seconds are over")
    if ended is not None and not (out_of_time and max_seconds is not None):
        say(f"{folder} is finished: test accuracy {ended.test['accuracy']:.4f}", quiet)
        if out_of_time:
            say(f"it {ended.stopped}; to go on: --max-seconds with more", quiet)
        if as_json:
            answer(to_json({"run_dir": str(folder), "test": ended.test}))
        return
    context.meta[Option.RECORDED] = True
    given = ["--config", str(folder / CONFIG)]
    if max_seconds is not None:
        given += ["--max-seconds", str(max_seconds)]
    with train_command.make_context("train", given, parent=context) as inner:
        request = Request(inner)
    health = not request.flags["no_health"]
    for name in NOT_OF_THE_RUN:
        request.flags.pop(name)
    with locked_run(folder), said_of_flags(inner, request.wheres):
        result = train(request, None, quiet, health=health, resumed=folder)
    if as_json:
        answer(to_json(result))
